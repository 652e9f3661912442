import type { Fields } from '../models/provider.js';
import { int } from '../models/provider-fields.js';
import { linear } from './linear.js';
import type { Scope } from './model.js';

/** What differs between the places a Mamba mixer is used in. */
export interface MambaOptions {
  readonly path: string;
  readonly kernel: number;
  /** The norm of the layer's input, fused into in_proj. */
  readonly inputNorm: boolean;
  /** The gated norm before out_proj. */
  readonly gatedNorm: boolean;
  readonly convBias: boolean;
}

const HYBRID: MambaOptions = {
  path: 'mixer',
  kernel: 4,
  inputNorm: true,
  gatedNorm: true,
  convBias: true,
};

/** A Mamba-2 mixer. in_proj and conv1d are stored by component, since tensor parallelism cuts each of them. */
export function mambaMixer(layer: Scope, provider: Fields, options: MambaOptions = HYBRID): void {
  const hidden = int(provider, 'hidden_size');
  const heads = int(provider, 'mamba_num_heads');
  const inner = heads * int(provider, 'mamba_head_dim');
  const state = int(provider, 'mamba_num_groups') * int(provider, 'mamba_state_dim');
  const at = layer.child(options.path);
  const conv = [
    { suffix: 'x', rows: inner },
    { suffix: 'B', rows: state },
    { suffix: 'C', rows: state },
  ];
  linear(at, 'in_proj', 2 * inner + 2 * state + heads, hidden, {
    split: 'column',
    parts: [{ suffix: 'z', rows: inner }, ...conv, { suffix: 'dt', rows: heads }],
    ...(options.inputNorm ? { norm: 'RMSNorm' } : {}),
  });
  at.param('conv1d.weight', [inner + 2 * state, 1, options.kernel], { split: 'column', parts: conv });
  if (options.convBias) at.param('conv1d.bias', [inner + 2 * state], { split: 'column', parts: conv });
  for (const name of ['A_log', 'D', 'dt_bias']) at.param(name, [heads], { split: 'column' });
  if (options.gatedNorm) at.param('norm.weight', [inner], { split: 'column' });
  linear(at, 'out_proj', hidden, inner, { split: 'row' });
}
