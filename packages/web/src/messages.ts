import type { ExportPlan, HeaderPlan, Inspection } from '@nemotron-convert/convert/headers';
import type { Dropped } from './host/disk.js';

/** What the page asks its worker. */
export type Question =
  | { readonly kind: 'open'; readonly dropped: readonly Dropped[] }
  | { readonly kind: 'plan'; readonly choice: Choice }
  | { readonly kind: 'export'; readonly original: readonly Dropped[]; readonly dtype: ExportDtype };

/** What is planned for. */
export interface Choice {
  readonly dtype: 'bfloat16' | 'float16' | 'float32';
  readonly target: 'auto' | '0.3.1' | '0.7.0';
  readonly tp: number;
  readonly pp: number;
  readonly ep: number;
  readonly etp: number;
}

/** That of the original where it is null. */
export type ExportDtype = Choice['dtype'] | null;

/** An error as the command shows it. */
export interface Problem {
  readonly id: string;
  readonly message: string;
  readonly hint: string;
}

export type Answer = Result & {
  /** Of the dropped files. */
  readonly bytesRead: number;
};

export type Result =
  | { readonly kind: 'opened'; readonly inspection: Inspection }
  | { readonly kind: 'planned'; readonly plan: HeaderPlan }
  | { readonly kind: 'exported'; readonly plan: ExportPlan }
  | { readonly kind: 'failed'; readonly problem: Problem };
