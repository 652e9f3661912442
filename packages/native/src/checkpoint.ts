import { binding } from './binding.js';
import { settled, throwIfStopped } from './failure.js';
import type { LoadedPlan } from './plan.js';

/** What a verification looked at, and what is wrong: one sentence a fault. */
export interface Findings {
  readonly tensors: number;
  readonly objects: number;
  readonly items: number;
  /** Payload bytes that were read. */
  readonly bytes: number;
  readonly faults: readonly string[];
}

export interface CheckpointTensor {
  readonly key: string;
  /** torch dtype name. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly chunks: readonly (readonly [offsets: readonly number[], sizes: readonly number[]])[];
}

export interface CheckpointContent {
  readonly tensors: readonly CheckpointTensor[];
  /** Keys of the objects. */
  readonly objects: readonly string[];
  readonly storage: readonly (readonly [
    key: string,
    offset: readonly number[] | null,
    file: string,
    position: number,
    length: number,
  ])[];
}

export interface TensorStats {
  /** SHA-256 of the row-major little-endian elements. */
  readonly sha256: string;
  readonly elements: number;
  /** Null for tensors that are not floating. NaNs are left out of the first three. */
  readonly floats: {
    readonly min: number | null;
    readonly max: number | null;
    readonly mean: number | null;
    readonly nans: number;
    readonly infinities: number;
  } | null;
}

export interface VerifyWork {
  /** Read the payloads and sum their CRCs; without it only index, headers and coverage are looked at. */
  readonly payloads?: boolean;
  /** Compare every element with what this plan makes of its source. */
  readonly plan?: LoadedPlan;
  readonly signal?: AbortSignal;
}

/** Verifies the checkpoint in an iteration directory. Throws CHECKPOINT_INVALID when it cannot be read at all. */
export async function verifyCheckpoint(dir: string, work: VerifyWork = {}): Promise<Findings> {
  const { payloads = true, plan, signal = null } = work;
  throwIfStopped(work.signal);
  const against = plan?.handle ?? null;
  return JSON.parse(
    await settled(() => binding().verifyCheckpoint(dir, payloads, against, signal)),
  ) as Findings;
}

/** What the checkpoint in an iteration directory holds; no payload is read. */
export async function inspectCheckpoint(dir: string): Promise<CheckpointContent> {
  return JSON.parse(await settled(() => binding().inspectCheckpoint(dir))) as CheckpointContent;
}

/** Reads one tensor whole. Throws CHECKPOINT_INVALID when there is none of that key. */
export async function inspectTensor(dir: string, key: string): Promise<TensorStats> {
  return JSON.parse(await settled(() => binding().inspectTensor(dir, key))) as TensorStats;
}
