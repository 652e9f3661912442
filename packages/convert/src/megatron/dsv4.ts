import type { Fields } from '../models/provider.js';
import { int } from '../models/provider-fields.js';
import { linear, norm } from './linear.js';
import type { Scope } from './model.js';

const FLOAT32 = { keeps: 'float32' } as const;

export function isCompressed(provider: Fields): boolean {
  return provider['experimental_attention_variant'] === 'dsv4_hybrid';
}

/**
 * DeepSeek V4's attention: one key head, whose vectors are the values too, a window with a learnable sink, and outputs that
 * go through a narrow projection by groups of heads. `at` counts the layers, the predicted ones behind the decoder's: the
 * ratio there says how many positions a compressed one stands for, and nothing is compressed where it is zero.
 */
export function compressedAttention(layer: Scope, provider: Fields, at: number): void {
  const hidden = int(provider, 'hidden_size');
  const size = int(provider, 'v_head_dim');
  const heads = int(provider, 'num_attention_heads');
  const rank = int(provider, 'q_lora_rank');
  const groups = int(provider, 'o_groups');
  const narrow = groups * int(provider, 'o_lora_rank');
  norm(layer, 'input_layernorm', hidden, provider);
  const attention = layer.child('self_attention');
  linear(attention, 'linear_q_down_proj', rank, hidden, { split: 'replicated' });
  norm(attention, 'q_layernorm', rank, provider);
  linear(attention, 'linear_q_up_proj', heads * size, rank, { split: 'column' });
  linear(attention, 'linear_kv_proj', size, hidden, { split: 'column' });
  norm(attention, 'kv_layernorm', size, provider);
  attention.param('linear_o_group_proj', [narrow, (heads * size) / groups]);
  linear(attention, 'linear_proj', hidden, narrow, { split: 'row' });
  const core = attention.child('core_attention');
  core.param('attn_sink', [heads], { split: 'column', ...FLOAT32 });
  const ratio = compressionAt(provider, at);
  if (ratio > 1) compressor(core, provider, ratio, size);
  if (ratio !== CHOOSING) return;
  const chosen = core.child('indexer');
  const indexSize = int(provider, 'dsa_indexer_head_dim');
  const indexHeads = int(provider, 'dsa_indexer_n_heads');
  linear(chosen, 'linear_wq_b', indexHeads * indexSize, rank, { split: 'replicated' });
  linear(chosen, 'linear_weights_proj', indexHeads, hidden, { split: 'replicated' });
  compressor(chosen, provider, ratio, indexSize);
}

/** At this ratio an indexer chooses among the compressed positions, which overlap. */
const CHOOSING = 4;

function compressionAt(provider: Fields, at: number): number {
  const ratios = provider['csa_compress_ratios'];
  return Array.isArray(ratios) ? Number(ratios[at]) : 0;
}

/** Makes one position of `ratio`; where positions overlap, it has two vectors of each. */
function compressor(at: Scope, provider: Fields, ratio: number, size: number): void {
  const hidden = int(provider, 'hidden_size');
  const width = ratio === CHOOSING ? 2 * size : size;
  const own = at.child('compressor');
  linear(own, 'linear_wkv', width, hidden, { split: 'replicated' });
  linear(own, 'linear_wgate', width, hidden, { split: 'replicated' });
  own.param('ape', [ratio, width], FLOAT32);
  norm(own, 'norm', size, provider);
}

export function isHyperConnected(provider: Fields): boolean {
  return provider['enable_hyper_connections'] === true;
}

/** What mixes the residual streams before attention and before the MLP. */
export function hyperConnections(layer: Scope, provider: Fields): void {
  const streams = int(provider, 'num_residual_streams');
  const outputs = streams * streams + 2 * streams;
  for (const name of ['self_attention_hyper_connection', 'mlp_hyper_connection']) {
    const at = layer.child(name);
    at.param('mapping_proj.weight', [outputs, streams * int(provider, 'hidden_size')], FLOAT32);
    at.param('bias', [outputs], FLOAT32);
    for (const part of ['pre', 'post', 'res']) at.param(`alpha_${part}`, [1], FLOAT32);
  }
}

/** What makes one stream of them again, before the final norm. */
export function streamHead(at: Scope, provider: Fields): void {
  const streams = int(provider, 'num_residual_streams');
  at.param('hc_head_fn', [streams, streams * int(provider, 'hidden_size')], FLOAT32);
  at.param('hc_head_base', [streams], FLOAT32);
  at.param('hc_head_scale', [1], FLOAT32);
}

/** Whether a table says which experts a token goes to, in place of a correction bias. */
export function isHashRouted(provider: Fields, layer: number): boolean {
  return layer < Number(provider['moe_n_hash_layers'] ?? 0);
}
