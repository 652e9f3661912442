import type { Fields } from '../models/provider.js';
import { int } from '../models/provider-fields.js';
import { linear, norm } from './linear.js';
import type { Scope } from './model.js';

const CONVOLVED = ['q', 'k', 'v'];
const FLOAT32 = { split: 'column', keeps: 'float32' } as const;

/**
 * Attention of a Kimi K3 layer: a delta net where `kimi_kda_layers`, which counts from one, names the layer, else latent
 * attention without rotary embeddings. Both have a gate, and modules named as in the Hugging Face checkpoint.
 */
export function kimiAttention(layer: Scope, provider: Fields, index: number): void {
  norm(layer, 'input_layernorm', int(provider, 'hidden_size'), provider);
  const at = layer.child('self_attention');
  const delta = provider['kimi_kda_layers'] as readonly unknown[];
  if (delta.includes(BigInt(index + 1))) deltaAttention(at, provider);
  else gatedLatentAttention(at, provider);
}

/** What weighs the residuals of earlier blocks before attention, before the MLP and, in the last layer, behind both. */
export function attentionResiduals(layer: Scope, provider: Fields, index: number): void {
  const hidden = int(provider, 'hidden_size');
  const last = index + 1 === int(provider, 'num_layers');
  for (const name of ['self_attention_res', 'mlp_res', ...(last ? ['output_attn_res'] : [])]) {
    layer.param(`${name}_norm.weight`, [hidden]);
    layer.param(`${name}_proj.weight`, [1, hidden]);
  }
}

function deltaAttention(at: Scope, provider: Fields): void {
  const hidden = int(provider, 'hidden_size');
  const heads = int(provider, 'kimi_linear_num_heads');
  const size = int(provider, 'kimi_linear_head_dim');
  const total = heads * size;
  for (const name of CONVOLVED) {
    linear(at, `${name}_proj`, total, hidden, { split: 'column' });
    at.param(`${name}_conv1d.weight`, [total, 1, int(provider, 'kimi_linear_conv_kernel_size')], FLOAT32);
  }
  linear(at, 'f_a_proj', size, hidden, { split: 'replicated' });
  linear(at, 'f_b_proj', total, size, { split: 'column' });
  linear(at, 'b_proj', heads, hidden, { split: 'column' });
  linear(at, 'g_proj', total, hidden, { split: 'column' });
  at.param('A_log', [heads], FLOAT32);
  at.param('dt_bias', [total], FLOAT32);
  at.param('o_norm.weight', [size]);
  linear(at, 'o_proj', hidden, total, { split: 'row' });
}

function gatedLatentAttention(at: Scope, provider: Fields): void {
  const hidden = int(provider, 'hidden_size');
  const heads = int(provider, 'num_attention_heads');
  const queryRank = int(provider, 'q_lora_rank');
  const keyRank = int(provider, 'kv_lora_rank');
  const plain = int(provider, 'qk_head_dim');
  const extra = int(provider, 'qk_pos_emb_head_dim');
  const value = int(provider, 'v_head_dim');
  linear(at, 'q_a_proj', queryRank, hidden, { split: 'replicated' });
  at.param('q_a_layernorm.weight', [queryRank]);
  linear(at, 'q_b_proj', heads * (plain + extra), queryRank, { split: 'column' });
  linear(at, 'kv_a_proj_with_mqa', keyRank + extra, hidden, { split: 'replicated' });
  at.param('kv_a_layernorm.weight', [keyRank]);
  linear(at, 'kv_b_proj', heads * (plain + value), keyRank, { split: 'column' });
  linear(at, 'g_proj', heads * value, hidden, { split: 'column' });
  linear(at, 'o_proj', hidden, heads * value, { split: 'row' });
}
