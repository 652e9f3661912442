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

/** The package that carries the addon for a platform, as @napi-rs/cli names it. */
function packageFor(platform: string, arch: string): string {
  const abi = platform === 'linux' ? '-gnu' : platform === 'win32' ? '-msvc' : '';
  return `@nemotron-convert/native-${platform}-${arch}${abi}`;
}

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
    const { platform, arch } = process;
    const expected = packageFor(platform, arch);
    const reason = (cause as Error).message;
    throw new NemotronError(
      'NATIVE_MISSING',
      `no native binding for ${platform}-${arch}, expected ${expected}: ${reason}`,
      { facts: { platform, arch, package: expected }, cause },
    );
  }
}
