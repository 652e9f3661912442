import { type BindingPlan, binding } from './binding.js';
import type { ExecuteOptions } from './execute-options.js';
import { settled } from './failure.js';

export interface PlannedFiles {
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** Tensor chunks and objects. */
  readonly items: number;
  readonly payloadBytes: number;
}

/** A plan that the engine has decoded, checked and laid out, and holds for the calls that need it. */
export interface LoadedPlan extends PlannedFiles {
  readonly handle: BindingPlan;
}

/** Whether files in a folder can share blocks with all of the given files: one filesystem, and one with reflinks. */
export function canCloneInto(paths: readonly string[], folder: string): boolean {
  return binding().canCloneInto([...paths], folder);
}

/** Hands an encoded plan to the engine. Throws PLAN_INVALID. */
export async function loadPlan(encoded: Uint8Array): Promise<LoadedPlan> {
  const handle = await settled(() => binding().loadPlan(encoded));
  const files = await settled(async () => binding().planFiles(handle));
  return { handle, ...(JSON.parse(files) as PlannedFiles) };
}

/** Bytes of an execution's buffers. */
export interface Buffers {
  /** In main memory; pinned where GPUs compute. */
  readonly host: number;
  /** On the GPUs, all together. */
  readonly device: number;
  /** GPUs that would compute. */
  readonly gpus: number;
}

/** The buffers that an execution takes. Throws GPU_UNAVAILABLE when it is to use a GPU that is not there. */
export async function planBuffers(
  plan: LoadedPlan,
  { threads, memory, compute }: Pick<ExecuteOptions, 'threads' | 'memory' | 'compute'> = {},
): Promise<Buffers> {
  return JSON.parse(
    await settled(() => binding().planBuffers(plan.handle, threads ?? null, memory ?? null, compute ?? null)),
  ) as Buffers;
}
