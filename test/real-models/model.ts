import type { Tensor } from './blocks.js';

/** A published model: what its config.json says, what its files' headers list, and what its card says. */
export interface RealModel {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: () => readonly Tensor[];
  /** Parameters of the published model without its prediction layers; in full, or in billions as its card rounds them. */
  readonly parameters: number | { readonly billions: number };
  /** Bridge version that `auto` must choose. */
  readonly target: '0.3.1' | '0.7.0';
}
