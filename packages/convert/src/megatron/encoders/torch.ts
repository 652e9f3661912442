import type { Scope } from '../model.js';

/**
 * Plain torch modules, as the encoders that come from transformers are made of. They are replicated: no parallel size
 * cuts them, and they have no extra state.
 */
export function torchLinear(scope: Scope, path: string, outputs: number, inputs: number, bias = true): void {
  weighted(scope, path, [outputs, inputs], bias ? outputs : null);
}

export function torchLayerNorm(scope: Scope, path: string, size: number): void {
  weighted(scope, path, [size], size);
}

export function torchRmsNorm(scope: Scope, path: string, size: number): void {
  weighted(scope, path, [size], null);
}

/** A convolution whose kernel has one extent a dimension. */
export function torchConv(
  scope: Scope,
  path: string,
  outputs: number,
  inputs: number,
  kernel: readonly number[],
  bias = true,
): void {
  weighted(scope, path, [outputs, inputs, ...kernel], bias ? outputs : null);
}

export function torchEmbedding(scope: Scope, path: string, count: number, size: number): void {
  weighted(scope, path, [count, size], null);
}

/** One linear layer for each name. */
export function torchLinears(
  scope: Scope,
  names: readonly string[],
  outputs: number,
  inputs: number,
  bias = true,
): void {
  for (const name of names) torchLinear(scope, name, outputs, inputs, bias);
}

/** A gated MLP in the names of Hugging Face. */
export function torchGatedMlp(scope: Scope, hidden: number, width: number, bias: boolean): void {
  torchLinears(scope, ['gate_proj', 'up_proj'], width, hidden, bias);
  torchLinear(scope, 'down_proj', hidden, width, bias);
}

/** Numbered submodules; their number stays in the keys. */
export function numbered(scope: Scope, path: string, count: number): readonly Scope[] {
  return Array.from({ length: count }, (_, i) => scope.numbered(path, i));
}

function weighted(scope: Scope, path: string, shape: readonly number[], bias: number | null): void {
  scope.param(`${path}.weight`, shape);
  if (bias !== null) scope.param(`${path}.bias`, [bias]);
}
