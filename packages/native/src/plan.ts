import { type BindingPlan, binding } from './binding.js';
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

/** Bytes of buffers that an execution takes; `memory` is their budget. */
export async function bufferBytes(plan: LoadedPlan, threads?: number, memory?: number): Promise<number> {
  return binding().planMemory(plan.handle, threads ?? null, memory ?? null);
}
