import { createRequire } from 'node:module';
import { NemotronError } from '@nemotron-convert/core';

/** What the native addon exports; JSON strings in and out. */
export interface Binding {
  inspect(paths: string[]): Promise<string>;
  layOutPlan(plan: Buffer): Promise<string>;
  indexPlan(plan: Buffer, root: string): Promise<string>;
  verifyCheckpoint(
    dir: string,
    payloads: boolean,
    plan: Buffer | null,
    signal: AbortSignal | null,
  ): Promise<string>;
  inspectCheckpoint(dir: string): Promise<string>;
  inspectTensor(dir: string, key: string): Promise<string>;
  runPlan(
    plan: Buffer,
    options: BindingOptions,
    onProgress: ((progress: BindingProgress) => void) | null,
    signal: AbortSignal | null,
  ): Promise<string>;
}

export interface BindingOptions {
  root: string;
  rank?: number;
  threads?: number;
  memory?: number;
  readMode?: string;
  writeMode?: string;
  sync?: boolean;
  journal?: string;
  digest?: string;
}

export interface BindingProgress {
  done: number;
  total: number;
  key?: string | null;
}

let loaded: Binding | undefined;

/** Loads the addon on first use. Throws NATIVE_MISSING, naming the platform, when there is none for it. */
export function binding(): Binding {
  if (loaded !== undefined) return loaded;
  try {
    loaded = createRequire(import.meta.url)('../binding/index.cjs') as Binding;
    return loaded;
  } catch (cause) {
    const platform = `${process.platform}-${process.arch}`;
    throw new NemotronError(
      'NATIVE_MISSING',
      `no native binding for ${platform}: ${(cause as Error).message}`,
      {
        facts: { platform: process.platform, arch: process.arch },
        cause,
      },
    );
  }
}
