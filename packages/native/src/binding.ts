import { channel } from 'node:diagnostics_channel';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { NemotronError } from '@nemotron-convert/core';
import type { ExecuteOptions } from './execute-options.js';
import { libcOf, platformOf } from './platform.js';
import { WASM_FILE, wasmBinding } from './wasm/fallback.js';

declare const held: unique symbol;

/** A handle of a plan that the engine holds. */
export interface BindingPlan {
  readonly [held]: 'plan';
}

/** A file to write: its path below a root, with a text or with what another file holds. */
export type SmallFile = { readonly path: string } & ({ readonly text: string } | { readonly copyOf: string });

/** The calls of an engine; JSON strings come back, but for handles of plans. */
export interface Binding {
  readonly engine: 'native' | 'wasm';
  inspect(paths: string[]): Promise<string>;
  loadPlan(plan: Uint8Array): Promise<BindingPlan>;
  planFiles(plan: BindingPlan): string | Promise<string>;
  canCloneInto(paths: string[], folder: string): boolean;
  verifyWrittenPlan(plan: BindingPlan, root: string): Promise<string>;
  planBuffers(
    plan: BindingPlan,
    threads: number | null,
    memory: number | null,
    compute: string | null,
  ): Promise<string>;
  indexPlan(plan: BindingPlan, root: string, sync: boolean): Promise<string>;
  hashWholeFiles(paths: string[]): Promise<string>;
  writeSmallFiles(root: string, files: readonly SmallFile[]): Promise<string>;
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
    options: ExecuteOptions,
    onProgress: ((progress: BindingProgress) => void) | null,
    signal: AbortSignal | null,
  ): Promise<string>;
}

export interface BindingProgress {
  done: number;
  total: number;
  key?: string | null;
}

/** `auto` is the addon, or WebAssembly where none fits. */
export type EngineChoice = 'auto' | 'native' | 'wasm';

/** What the channel `nemotron-convert:engine` of node:diagnostics_channel tells when WebAssembly takes the addon's place. */
export interface EngineEvent {
  readonly engine: 'wasm';
  readonly message: string;
}

export const ENGINE_CHANNEL = 'nemotron-convert:engine';

let loaded: Binding | undefined;
let wanted: EngineChoice = 'auto';

/** Chooses the engine of this process, before anything has used it. */
export function useEngine(choice: EngineChoice): void {
  if (choice !== wanted) loaded = undefined;
  wanted = choice;
}

/** Takes an engine that the host brings. */
export function useBinding(binding: Binding): void {
  loaded = binding;
}

/**
 * Loads the engine on first use; when it is WebAssembly, says so on the channel, once. Throws NATIVE_MISSING, naming the
 * platform and its package, when there is none.
 */
export function binding(): Binding {
  loaded ??= chooseBinding(wanted);
  return loaded;
}

function chooseBinding(choice: EngineChoice): Binding {
  const addon = () => loadBinding(() => createRequire(import.meta.url)('../binding/index.cjs'));
  if (choice === 'native') return addon();
  if (choice === 'wasm') return fallback('as it was asked for');
  try {
    return addon();
  } catch (error) {
    if (!existsSync(WASM_FILE)) throw error;
    return fallback((error as Error).message.split(':')[0] ?? '');
  }
}

function fallback(why: string): Binding {
  if (!existsSync(WASM_FILE)) {
    throw new NemotronError('NATIVE_MISSING', `the WebAssembly engine is not at ${WASM_FILE}`, {
      facts: { path: WASM_FILE },
      hint: 'install the package again: the file is part of it',
    });
  }
  const event: EngineEvent = {
    engine: 'wasm',
    message: `the WebAssembly engine works, ${why}: one thread, slower, the same bytes`,
  };
  channel(ENGINE_CHANNEL).publish(event);
  return wasmBinding(WASM_FILE);
}

/** What the native addon exports: as above, with options and files as JSON. */
interface Addon extends Omit<Binding, 'engine' | 'runPlan' | 'writeSmallFiles'> {
  writeSmallFiles(root: string, files: string): Promise<string>;
  runPlan(
    plan: BindingPlan,
    options: string,
    onProgress: ((progress: BindingProgress) => void) | null,
    signal: AbortSignal | null,
  ): Promise<string>;
}

/** What `load` gives; its failure becomes a NATIVE_MISSING error. */
export function loadBinding(load: () => unknown): Binding {
  try {
    const addon = load() as Addon;
    return {
      ...addon,
      engine: 'native',
      loadPlan: ({ buffer, byteOffset, byteLength }) =>
        addon.loadPlan(Buffer.from(buffer, byteOffset, byteLength)),
      writeSmallFiles: (root, files) => addon.writeSmallFiles(root, JSON.stringify(files)),
      runPlan: (plan, options, ...watch) => addon.runPlan(plan, JSON.stringify(options), ...watch),
    };
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
