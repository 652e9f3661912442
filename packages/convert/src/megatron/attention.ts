import type { Fields } from '../models/provider.js';
import { int } from '../models/provider-fields.js';
import { layerSpec } from './layer-spec.js';
import { linear, norm, normalization } from './linear.js';
import type { Scope } from './model.js';

/** Grouped-query self attention with the input norm fused into linear_qkv. */
export function selfAttention(
  layer: Scope,
  provider: Fields,
  at: Scope = layer.child('self_attention'),
): void {
  const hidden = int(provider, 'hidden_size');
  const size = int(provider, 'kv_channels');
  const heads = int(provider, 'num_attention_heads');
  const groups = int(provider, 'num_query_groups');
  const gates = provider['attention_output_gate'] === true ? heads : 0;
  const value = (provider['v_head_dim'] ?? null) === null ? size : int(provider, 'v_head_dim');
  linear(at, 'linear_qkv', (heads + gates + groups) * size + groups * value, hidden, {
    split: 'column',
    bias: provider['add_bias_linear'] === true || provider['add_qkv_bias'] === true,
    ...(layerSpec(provider).attentionNorm ? { norm: normalization(provider) } : {}),
  });
  linear(at, 'linear_proj', hidden, heads * value, {
    split: 'row',
    bias: provider['add_bias_linear'] === true,
  });
  if (layerSpec(provider).postNorms) norm(at, 'linear_proj.post_layernorm', hidden, provider);
  if (provider['softmax_type'] === 'learnable') {
    at.param('core_attention.softmax_offset', [heads], { split: 'column' });
    at.state('core_attention');
  }
}

/** The norms of queries and keys, over one head or over all heads together. */
export function queryKeyNorms(
  layer: Scope,
  provider: Fields,
  at: Scope = layer.child('self_attention'),
): void {
  const { queryKeyNorms: kind } = layerSpec(provider);
  if (kind === 'none') return;
  if (kind === 'sharded') {
    const size = int(provider, 'kv_channels');
    at.param('q_layernorm.weight', [int(provider, 'num_attention_heads') * size], { split: 'column' });
    at.param('k_layernorm.weight', [int(provider, 'num_query_groups') * size], { split: 'column' });
    return;
  }
  const heads = kind === 'heads' ? int(provider, 'num_attention_heads') : 1;
  const size = heads * int(provider, 'kv_channels');
  norm(at, 'q_layernorm', size, provider);
  norm(at, 'k_layernorm', size, provider);
}
