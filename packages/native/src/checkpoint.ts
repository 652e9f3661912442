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

/** A region of a file that holds a strided piece of a tensor. */
export interface StoredRegion {
  readonly name: string;
  /** Index into the plan's sources. */
  readonly source: number;
  /** safetensors dtype name. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A checkpoint as a plan whose sources are its own files: each tensor is made of copies of the stored regions. */
export interface CheckpointPlan {
  readonly sources: readonly { readonly path: string; readonly bytes: number }[];
  readonly tensors: readonly StoredRegion[];
  /** The global tensors, with torch dtype names. */
  readonly keys: readonly {
    readonly key: string;
    readonly dtype: string;
    readonly shape: readonly number[];
  }[];
  /** One file, whose items are the keys in order. */
  readonly files: readonly { readonly items: readonly { readonly copies: readonly StoredCopy[] }[] }[];
}

/** A box of a tensor, and where a region holds it. */
export interface StoredCopy {
  /** Number of the region among the plan's `tensors`. */
  readonly tensor: number;
  readonly start: readonly number[];
  readonly size: readonly number[];
  /** In elements of the region. */
  readonly offset: number;
  readonly strides: readonly number[];
}

/** How a plan crosses: the copies are in forms, and count the tensors of their item. */
interface FormedPlan extends Omit<CheckpointPlan, 'files'> {
  readonly forms: readonly { readonly copies: readonly StoredCopy[] }[];
  readonly files: readonly {
    readonly items: readonly { readonly form: number; readonly tensors: readonly number[] }[];
  }[];
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
  /** Compare both ends and a place in the middle of every chunk only. */
  readonly sampled?: boolean;
  readonly signal?: AbortSignal;
}

/** Verifies the checkpoint in an iteration directory. Throws CHECKPOINT_INVALID when it cannot be read at all. */
export async function verifyCheckpoint(dir: string, work: VerifyWork = {}): Promise<Findings> {
  const { payloads = true, plan, sampled = false, signal = null } = work;
  throwIfStopped(work.signal);
  const against = plan?.handle ?? null;
  return JSON.parse(
    await settled(() => binding().verifyCheckpoint(dir, payloads, against, sampled, signal)),
  ) as Findings;
}

/**
 * Verifies the safetensors files of a plan under `root`: their headers and lengths, with `payloads` every element against
 * the plan's sources.
 */
export async function verifyFiles(
  plan: LoadedPlan,
  root: string,
  { payloads = true, signal }: Omit<VerifyWork, 'plan'> = {},
): Promise<Findings> {
  throwIfStopped(signal);
  return JSON.parse(
    await settled(() => binding().verifyPlanFiles(plan.handle, root, payloads, signal ?? null)),
  ) as Findings;
}

/**
 * The checkpoint in an iteration directory as a plan that reads it, without what has a key under `prefixes`; headers are
 * read, no payload. Throws CHECKPOINT_INVALID.
 */
export async function checkpointPlan(dir: string, prefixes: readonly string[] = []): Promise<CheckpointPlan> {
  const { forms, files, ...plan } = JSON.parse(
    await settled(() => binding().checkpointPlan(dir, [...prefixes])),
  ) as FormedPlan;
  const filled = files.map(({ items }) => ({
    items: items.map(({ form, tensors }) => ({
      copies: (forms[form]?.copies ?? []).map((copy) => ({
        ...copy,
        tensor: tensors[copy.tensor] as number,
      })),
    })),
  }));
  return { ...plan, files: filled };
}

/** Compares what was written of a plan under `root` with it: the index whole, the data files by samples. */
export async function verifyWritten({ handle }: LoadedPlan, root: string): Promise<Findings> {
  return JSON.parse(await settled(() => binding().verifyWrittenPlan(handle, root))) as Findings;
}

/** What the checkpoint in an iteration directory holds; no payload is read. */
export async function inspectCheckpoint(dir: string): Promise<CheckpointContent> {
  return JSON.parse(await settled(() => binding().inspectCheckpoint(dir))) as CheckpointContent;
}

/** Which of some tensors have elements that bfloat16 could not hold; each is read whole. */
export async function beyondBfloat16(dir: string, keys: readonly string[]): Promise<string[]> {
  return JSON.parse(await settled(() => binding().beyondBfloat16(dir, [...keys]))) as string[];
}

/** Reads one tensor whole. Throws CHECKPOINT_INVALID when there is none of that key. */
export async function inspectTensor(dir: string, key: string): Promise<TensorStats> {
  return JSON.parse(await settled(() => binding().inspectTensor(dir, key))) as TensorStats;
}

/** Reads one tensor of a safetensors file whole. Throws CHECKPOINT_INVALID when there is none of that name. */
export async function inspectSourceTensor(path: string, name: string): Promise<TensorStats> {
  return JSON.parse(await settled(() => binding().inspectSourceTensor(path, name))) as TensorStats;
}
