import type { Fields } from '../models/provider.js';
import { int, linear, norm, normalization } from './linear.js';
import type { Scope } from './model.js';

/** Grouped-query self attention with the input norm fused into linear_qkv. */
export function selfAttention(layer: Scope, provider: Fields): void {
  const hidden = int(provider, 'hidden_size');
  const size = int(provider, 'kv_channels');
  const heads = int(provider, 'num_attention_heads');
  const groups = int(provider, 'num_query_groups');
  const gates = provider['attention_output_gate'] === true ? heads : 0;
  const at = layer.child('self_attention');
  linear(at, 'linear_qkv', (heads + gates + 2 * groups) * size, hidden, {
    split: 'column',
    bias: provider['add_bias_linear'] === true || provider['add_qkv_bias'] === true,
    norm: normalization(provider),
  });
  linear(at, 'linear_proj', hidden, heads * size, {
    split: 'row',
    bias: provider['add_bias_linear'] === true,
  });
}

/** The per-head norms of queries and keys. */
export function queryKeyNorms(layer: Scope, provider: Fields): void {
  const at = layer.child('self_attention');
  norm(at, 'q_layernorm', int(provider, 'kv_channels'), provider);
  norm(at, 'k_layernorm', int(provider, 'kv_channels'), provider);
}
