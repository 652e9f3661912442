import type { Fields } from '../models/provider.js';
import { int } from '../models/provider-fields.js';
import { linear, norm, normalization } from './linear.js';
import type { Scope } from './model.js';

/** A gated delta net. in_proj and conv1d are stored by component, since tensor parallelism cuts each of them. */
export function gatedDeltaNet(layer: Scope, provider: Fields): void {
  const hidden = int(provider, 'hidden_size');
  const values = int(provider, 'linear_num_value_heads');
  const key = int(provider, 'linear_num_key_heads') * int(provider, 'linear_key_head_dim');
  const value = values * int(provider, 'linear_value_head_dim');
  const kernel = int(provider, 'linear_conv_kernel_dim');
  const at = layer.child('self_attention');
  const conv = [
    { suffix: 'query', rows: key },
    { suffix: 'key', rows: key },
    { suffix: 'value', rows: value },
  ];
  linear(at, 'in_proj', 2 * key + 2 * value + 2 * values, hidden, {
    split: 'column',
    norm: normalization(provider),
    parts: [
      ...conv,
      { suffix: 'z', rows: value },
      { suffix: 'beta', rows: values },
      { suffix: 'alpha', rows: values },
    ],
  });
  at.param('conv1d.weight', [2 * key + value, 1, kernel], { split: 'column', parts: conv });
  at.param('dt_bias', [values], { split: 'column' });
  at.param('A_log', [values], { split: 'column' });
  norm(at, 'out_norm', int(provider, 'linear_value_head_dim'), provider);
  linear(at, 'out_proj', hidden, value, { split: 'row' });
}

/**
 * Whether decoder layer `index` has linear attention: by a list of ones and zeros, or an interval whose last layer has
 * full attention.
 */
export function isLinearAttention(provider: Fields, index: number): boolean {
  if (!['gdn', 'gated_delta_net'].includes(provider['experimental_attention_variant'] as string))
    return false;
  const frequency = provider['linear_attention_freq'] ?? null;
  if (Array.isArray(frequency)) return frequency[index] === 1n;
  return typeof frequency === 'bigint' && (index + 1) % Number(frequency) !== 0;
}
