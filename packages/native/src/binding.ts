import { createRequire } from 'node:module';
import { NemotronError } from '@nemotron-convert/core';
import { libcOf, platformOf } from './platform.js';

declare const held: unique symbol;

/** A handle of a plan that the engine holds. */
export interface BindingPlan {
  readonly [held]: 'plan';
}

/** What the native addon exports; JSON strings in and out, but for handles of plans. */
export interface Binding {
  inspect(paths: string[]): Promise<string>;
  loadPlan(plan: Buffer): Promise<BindingPlan>;
  planFiles(plan: BindingPlan): string;
  canCloneInto(paths: string[], folder: string): boolean;
  verifyWrittenPlan(plan: BindingPlan, root: string): Promise<string>;
  planMemory(plan: BindingPlan, threads: number | null, memory: number | null): number;
  indexPlan(plan: BindingPlan, root: string, sync: boolean): Promise<string>;
  hashWholeFiles(paths: string[]): Promise<string>;
  syncAllOf(files: string[], folders: string[]): Promise<string>;
  verifyCheckpoint(
    dir: string,
    payloads: boolean,
    plan: BindingPlan | null,
    sampled: boolean,
    signal: AbortSignal | null,
  ): Promise<string>;
  verifyPlanFiles(
    plan: BindingPlan,
    root: string,
    payloads: boolean,
    signal: AbortSignal | null,
  ): Promise<string>;
  beyondBfloat16(dir: string, keys: string[]): Promise<string>;
  checkpointPlan(dir: string, prefixes: string[]): Promise<string>;
  inspectCheckpoint(dir: string): Promise<string>;
  inspectTensor(dir: string, key: string): Promise<string>;
  inspectSourceTensor(path: string, name: string): Promise<string>;
  runPlan(
    plan: BindingPlan,
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
  zeroCopy?: string;
  compute?: string;
  sync?: boolean;
  journal?: string;
  digest?: string;
  ready?: readonly number[];
}

export interface BindingProgress {
  done: number;
  total: number;
  key?: string | null;
}

let loaded: Binding | undefined;

/** Loads the addon on first use. Throws NATIVE_MISSING, naming the platform and its package, when there is none. */
export function binding(): Binding {
  loaded ??= loadBinding(() => createRequire(import.meta.url)('../binding/index.cjs'));
  return loaded;
}

/** What `load` gives; its failure becomes a NATIVE_MISSING error. */
export function loadBinding(load: () => unknown): Binding {
  try {
    return load() as Binding;
  } catch (cause) {
    const { name, package: wanted } = platformOf(process, libcOf(process.report));
    const reason = (cause as Error).message;
    const { version } = createRequire(import.meta.url)('../package.json') as { readonly version: string };
    throw new NemotronError(
      'NATIVE_MISSING',
      wanted === undefined
        ? `no native binding is made for ${name}: ${reason}`
        : `no native binding for ${name}, expected ${wanted}: ${reason}`,
      {
        facts: { platform: name, package: wanted ?? null },
        hint:
          wanted === undefined
            ? 'build it from the repository with cargo: npm ci'
            : `npm install ${wanted}@${version}; with --omit=optional or a lock file of another platform npm leaves it out`,
        cause,
      },
    );
  }
}
