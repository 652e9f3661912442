import type { BindingProgress } from '../binding.js';

export interface WorkerData {
  /** Path of the module. */
  readonly wasm: string;
  /** Shared: 1 at `slotOf` a call makes it stop. */
  readonly stop: Int32Array;
}

export interface Question {
  readonly id: number;
  readonly call: Readonly<Record<string, unknown>>;
  readonly body?: Uint8Array;
}

export type Answer =
  | { readonly id: number; readonly progress: BindingProgress }
  | { readonly id: number; readonly value: string }
  | { readonly id: number; readonly failure: string; readonly died: boolean };

export const STOP_SLOTS = 64;

/** Calls that are under way at once have slots of their own, unless there are more of them than slots. */
export function slotOf(id: number): number {
  return id % STOP_SLOTS;
}
