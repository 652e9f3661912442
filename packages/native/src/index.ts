import { type BindingProgress, binding } from './binding.js';
import type { ExecuteOptions } from './execute-options.js';
import { settled, throwIfStopped } from './failure.js';
import type { LoadedPlan, PlannedFiles } from './plan.js';

export { ENGINE_CHANNEL, type EngineChoice, type EngineEvent, type SmallFile, useEngine } from './binding.js';
export {
  beyondBfloat16,
  type CheckpointContent,
  type CheckpointPlan,
  type CheckpointTensor,
  checkpointPlan,
  type Findings,
  inspectCheckpoint,
  inspectSourceTensor,
  inspectTensor,
  type StoredCopy,
  type StoredRegion,
  type TensorStats,
  type VerifyWork,
  verifyCheckpoint,
  verifyFiles,
  verifyWritten,
} from './checkpoint.js';
export type { ExecuteOptions } from './execute-options.js';
export {
  type Buffers,
  canCloneInto,
  type LoadedPlan,
  loadPlan,
  type PlannedFiles,
  planBuffers,
} from './plan.js';
export { inspectSafetensors, type SafetensorsFile, type TensorInfo } from './safetensors.js';
export { type FileHash, hashFiles, syncPaths, writeFiles } from './small-files.js';

export interface Progress {
  /** Payload bytes. */
  readonly done: number;
  readonly total: number;
  readonly key?: string;
}

export interface Watch {
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface ExecuteReport extends PlannedFiles {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** What of them the filesystem took over from the source. */
  readonly bytesShared: number;
  /** Payload bytes that an earlier run had finished. */
  readonly bytesResumed: number;
  readonly seconds: number;
  readonly threads: number;
  /** Bytes of buffers that were in use. */
  readonly memory: number;
  /** What computed: `cpu`, or the names of GPUs. */
  readonly compute: string;
  /** Why the CPU did although it was not asked to; null otherwise. */
  readonly computeReason: string | null;
  /** What was used: `pread`, `direct`, `pread+direct` or `mmap`; `direct`, `dontcache` or `buffered`. */
  readonly readMode: string;
  readonly writeMode: string;
  /** Numbers of the sources that are needed for what is not written yet; empty when the files are complete. */
  readonly waiting: readonly number[];
}

/**
 * Writes the archives and `.metadata` of a plan whose files are complete: only with it they are a checkpoint. Without
 * `sync` they may not be on the disk yet.
 */
export async function writeIndex(plan: LoadedPlan, root: string, sync = true): Promise<void> {
  await settled(() => binding().indexPlan(plan.handle, root, sync));
}

/** Writes the files of a plan into `options.root`; `writeIndex` completes them. Throws what the engine's error table says; INTERRUPTED after an abort. */
export async function execute(
  plan: LoadedPlan,
  options: ExecuteOptions,
  watch: Watch = {},
): Promise<ExecuteReport> {
  const { onProgress, signal } = watch;
  throwIfStopped(signal);
  const tell = onProgress === undefined ? null : progressTo(onProgress);
  return JSON.parse(
    await settled(() => binding().runPlan(plan.handle, options, tell, signal ?? null)),
  ) as ExecuteReport;
}

function progressTo(onProgress: (progress: Progress) => void): (event: BindingProgress) => void {
  return ({ done, total, key }) =>
    onProgress({ done, total, ...(key === undefined || key === null ? {} : { key }) });
}

/** Loads the engine and tells which it is. Throws NATIVE_MISSING, naming the platform and its package, when neither addon nor WebAssembly is there. */
export function requireEngine(): 'native' | 'wasm' {
  return binding().engine;
}
