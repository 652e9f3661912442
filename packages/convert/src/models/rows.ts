import type { DropRule, MappingRow, PlainOrigin } from './family.js';
import { gatedExpertRows } from './layer-rows.js';

/** Word embeddings, output layer and final norm of a model rooted at `root` in the Hugging Face checkpoint. */
export function endRows(root: string, head = 'lm_head'): readonly MappingRow[] {
  return [
    ['embedding.word_embeddings.weight', `${root}.embed_tokens.weight`],
    ['output_layer.weight', `${head}.weight`],
    ['decoder.final_layernorm.weight', `${root}.norm.weight`],
  ];
}

/** The rows of a language model that is part of a larger model, where it has the name `prefix`. */
export function within(prefix: string, rows: readonly MappingRow[]): readonly MappingRow[] {
  return rows.map(([name, origin]) => [`${prefix}${name}`, origin]);
}

/** The same rows for a checkpoint whose names begin with `to` where these have `from`. */
export function renamed(rows: readonly MappingRow[], from: string, to: string): readonly MappingRow[] {
  const name = (old: string): string => (old.startsWith(from) ? to + old.slice(from.length) : old);
  const plain = (origin: PlainOrigin): PlainOrigin => {
    if (typeof origin === 'string') return name(origin);
    const [[kind, names]] = Object.entries(origin) as [[string, readonly string[]]];
    return { [kind]: names.map(name) } as unknown as PlainOrigin;
  };
  return rows.map(([param, origin]) => [
    param,
    typeof origin === 'object' && 'oneOf' in origin ? { oneOf: origin.oneOf.map(plain) } : plain(origin),
  ]);
}

/** Grouped-query attention of layers under `layers`, with its input norm fused into linear_qkv. */
export function attentionRows(layers: string): readonly MappingRow[] {
  const at = `${layers}.*.self_attn`;
  return [
    ['decoder.layers.*.self_attention.linear_qkv.layer_norm_weight', `${layers}.*.input_layernorm.weight`],
    ['decoder.layers.*.self_attention.linear_qkv.weight', { qkv: projections(at, 'weight') }],
    ['decoder.layers.*.self_attention.linear_proj.weight', `${at}.o_proj.weight`],
  ];
}

export function attentionBiasRows(layers: string): readonly MappingRow[] {
  return [
    [
      'decoder.layers.*.self_attention.linear_qkv.bias',
      { qkv: projections(`${layers}.*.self_attn`, 'bias') },
    ],
  ];
}

export function queryKeyNormRows(layers: string): readonly MappingRow[] {
  return [
    ['decoder.layers.*.self_attention.q_layernorm.weight', `${layers}.*.self_attn.q_norm.weight`],
    ['decoder.layers.*.self_attention.k_layernorm.weight', `${layers}.*.self_attn.k_norm.weight`],
  ];
}

/** A gated MLP with the norm before it fused into linear_fc1. */
export function gatedMlpRows(layers: string): readonly MappingRow[] {
  const at = `${layers}.*.mlp`;
  return [
    ['decoder.layers.*.mlp.linear_fc1.layer_norm_weight', `${layers}.*.post_attention_layernorm.weight`],
    ['decoder.layers.*.mlp.linear_fc1.weight', { gated: [`${at}.gate_proj.weight`, `${at}.up_proj.weight`] }],
    ['decoder.layers.*.mlp.linear_fc2.weight', `${at}.down_proj.weight`],
  ];
}

/** A router and gated experts, with the norm before them. */
export function expertRows(layers: string): readonly MappingRow[] {
  const at = `${layers}.*.mlp`;
  return [
    ['decoder.layers.*.pre_mlp_layernorm.weight', `${layers}.*.post_attention_layernorm.weight`],
    ['decoder.layers.*.mlp.router.weight', `${at}.gate.weight`],
    ...gatedExpertRows('decoder.layers.*', `${at}.experts`),
  ];
}

export const ROTARY_BUFFERS: DropRule = {
  tensors: /\.rotary_emb\.inv_freq$/,
  reason: 'rotary frequencies are recomputed from config.json',
};

function projections(at: string, kind: 'weight' | 'bias'): readonly [string, string, string] {
  return [`${at}.q_proj.${kind}`, `${at}.k_proj.${kind}`, `${at}.v_proj.${kind}`];
}
