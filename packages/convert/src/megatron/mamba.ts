import type { Fields } from '../models/provider.js';
import { int } from './linear.js';
import type { Scope } from './model.js';

/** A Mamba-2 mixer. in_proj and conv1d are stored by component, since tensor parallelism cuts each of them. */
export function mambaMixer(layer: Scope, provider: Fields): void {
  const hidden = int(provider, 'hidden_size');
  const heads = int(provider, 'mamba_num_heads');
  const inner = heads * int(provider, 'mamba_head_dim');
  const state = int(provider, 'mamba_num_groups') * int(provider, 'mamba_state_dim');
  const kernel = 4;
  const at = layer.child('mixer');
  const conv = [
    { suffix: 'x', rows: inner },
    { suffix: 'B', rows: state },
    { suffix: 'C', rows: state },
  ];
  const projection = at.child('in_proj');
  projection.param('weight', [2 * inner + 2 * state + heads, hidden], {
    split: 'column',
    parts: [{ suffix: 'z', rows: inner }, ...conv, { suffix: 'dt', rows: heads }],
  });
  projection.param('layer_norm_weight', [hidden]);
  projection.state('');
  at.param('conv1d.weight', [inner + 2 * state, 1, kernel], { split: 'column', parts: conv });
  at.param('conv1d.bias', [inner + 2 * state], { split: 'column', parts: conv });
  for (const name of ['A_log', 'D', 'dt_bias']) at.param(name, [heads], { split: 'column' });
  at.param('norm.weight', [inner], { split: 'column' });
  at.param('out_proj.weight', [hidden, inner], { split: 'row' });
  at.state('out_proj');
}
