import type { Fields } from '../models/provider.js';
import { int } from '../models/provider-fields.js';
import { linear, norm, normalization } from './linear.js';
import type { Scope } from './model.js';

/**
 * What DeepSeek's sparse attention adds to latent attention: the norms of the narrow vectors are modules of their own,
 * and an indexer picks the positions to attend to. Layers that reuse an earlier layer's choice have no indexer.
 */
export function sparseIndexer(attention: Scope, provider: Fields, index: number): void {
  norm(attention, 'q_layernorm', int(provider, 'q_lora_rank'), provider);
  norm(attention, 'kv_layernorm', int(provider, 'kv_lora_rank'), provider);
  if (reusesChoice(provider, index)) return;
  const hidden = int(provider, 'hidden_size');
  const size = int(provider, 'dsa_indexer_head_dim');
  const heads = int(provider, 'dsa_indexer_n_heads');
  const at = attention.child('core_attention.indexer');
  linear(at, 'linear_wq_b', heads * size, int(provider, 'q_lora_rank'), { split: 'replicated' });
  linear(at, 'linear_wk', size, hidden, { split: 'replicated' });
  norm(at, 'k_norm', size, { ...provider, normalization: 'LayerNorm' });
  linear(at, 'linear_weights_proj', heads, hidden, { split: 'replicated' });
}

export function isSparse(provider: Fields): boolean {
  return provider['experimental_attention_variant'] === 'dsa';
}

/** Past the offset, only every `freq`-th layer chooses. Layers are counted from one. */
function reusesChoice(provider: Fields, index: number): boolean {
  const frequency = int(provider, 'dsa_indexer_topk_freq');
  const offset = Math.max(int(provider, 'dsa_indexer_skip_topk_offset'), 1);
  return Math.max(index + 1 - offset, 0) % frequency !== 0;
}

/** The norm that latent attention fuses into its up projections. */
export function fusedNorm(provider: Fields): { norm?: 'RMSNorm' | 'LayerNorm' } {
  if (provider['qk_layernorm'] !== true || isSparse(provider)) return {};
  return { norm: normalization(provider) };
}
