import type { Fields } from '../models/provider.js';
import type { Part, Scope, Split } from './model.js';

export interface LinearOptions {
  readonly split: Split;
  readonly bias?: boolean;
  readonly parts?: readonly Part[];
  /** The norm that Transformer Engine fuses into the layer, over the input features. */
  readonly norm?: 'RMSNorm' | 'LayerNorm';
}

/** A Transformer Engine linear layer of weight [outputs, inputs]. A row-parallel layer's bias is not cut. */
export function linear(
  scope: Scope,
  path: string,
  outputs: number,
  inputs: number,
  options: LinearOptions,
): void {
  const at = scope.child(path);
  const { split, parts } = options;
  const cut = parts === undefined ? { split } : { split, parts };
  at.param('weight', [outputs, inputs], cut);
  if (options.bias === true) at.param('bias', [outputs], split === 'row' ? {} : cut);
  if (options.norm !== undefined) {
    at.param('layer_norm_weight', [inputs]);
    if (options.norm === 'LayerNorm') at.param('layer_norm_bias', [inputs]);
  }
  at.state('');
}

/** A stand-alone Transformer Engine norm over `size` features. */
export function norm(scope: Scope, path: string, size: number, provider: Fields): void {
  const at = scope.child(path);
  at.param('weight', [size]);
  if (normalization(provider) === 'LayerNorm') at.param('bias', [size]);
  at.state('');
}

export function normalization(provider: Fields): 'RMSNorm' | 'LayerNorm' {
  return provider['normalization'] === 'LayerNorm' ? 'LayerNorm' : 'RMSNorm';
}
