import type { Fields } from '../models/provider.js';
import { int } from '../models/provider-fields.js';
import type { Target } from '../models/target.js';
import { fusedNorm, isSparse, sparseIndexer } from './dsa.js';
import { linear, norm } from './linear.js';
import type { Scope } from './model.js';

/**
 * Multi-latent attention: queries (when they have a rank) and keys with values go through a narrow projection each. The
 * input norm is a module of its own; the norms of the narrow vectors are fused into the projections behind them.
 */
export function latentAttention(layer: Scope, provider: Fields, index: number, target: Target): void {
  const hidden = int(provider, 'hidden_size');
  const heads = int(provider, 'num_attention_heads');
  const plain = int(provider, 'qk_head_dim');
  const rotary = int(provider, 'qk_pos_emb_head_dim');
  const value = int(provider, 'v_head_dim');
  const keyRank = int(provider, 'kv_lora_rank');
  const fused = fusedNorm(provider);
  norm(layer, 'input_layernorm', hidden, provider);
  const at = layer.child('self_attention');
  if ((provider['q_lora_rank'] ?? null) === null) {
    // Megatron-Core 0.20 norms the input of full-rank queries, for which Hugging Face models have no weight.
    const normed = target === '0.3.1' ? {} : fused;
    linear(at, 'linear_q_proj', heads * (plain + rotary), hidden, { split: 'column', ...normed });
  } else {
    const rank = int(provider, 'q_lora_rank');
    linear(at, 'linear_q_down_proj', rank, hidden, { split: 'replicated' });
    linear(at, 'linear_q_up_proj', heads * (plain + rotary), rank, { split: 'column', ...fused });
  }
  if (isSparse(provider)) sparseIndexer(at, provider, index);
  linear(at, 'linear_kv_down_proj', keyRank + rotary, hidden, { split: 'replicated' });
  linear(at, 'linear_kv_up_proj', heads * (plain + value), keyRank, { split: 'column', ...fused });
  linear(at, 'linear_proj', hidden, heads * value, {
    split: 'row',
    bias: provider['add_bias_linear'] === true,
  });
}
