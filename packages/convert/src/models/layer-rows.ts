import type { MappingRow, Origin, PlainOrigin } from './family.js';

/**
 * Rows of one decoder layer, for layers that occur under several names: `to` is the layer in Megatron, `from` in the
 * Hugging Face checkpoint.
 */
type LayerRows = readonly MappingRow[];

export const gateAndUp = (at: string): PlainOrigin => ({
  gated: [`${at}.gate_proj.weight`, `${at}.up_proj.weight`],
});

/** Grouped-query attention with its input norm fused into linear_qkv. */
export function attentionLayerRows(to: string, from: string): LayerRows {
  const at = `${from}.self_attn`;
  return [
    [`${to}.self_attention.linear_qkv.layer_norm_weight`, `${from}.input_layernorm.weight`],
    [`${to}.self_attention.linear_qkv.weight`, queryKeyValue(at, 'weight')],
    [`${to}.self_attention.linear_proj.weight`, `${at}.o_proj.weight`],
  ];
}

export function attentionBiasLayerRows(to: string, from: string): LayerRows {
  return [[`${to}.self_attention.linear_qkv.bias`, queryKeyValue(`${from}.self_attn`, 'bias')]];
}

export function queryKeyNormLayerRows(to: string, from: string): LayerRows {
  return [
    [`${to}.self_attention.q_layernorm.weight`, `${from}.self_attn.q_norm.weight`],
    [`${to}.self_attention.k_layernorm.weight`, `${from}.self_attn.k_norm.weight`],
  ];
}

/** A gated MLP with the norm before it fused into linear_fc1. */
export function denseLayerRows(to: string, from: string): LayerRows {
  return [
    [`${to}.mlp.linear_fc1.layer_norm_weight`, `${from}.post_attention_layernorm.weight`],
    [`${to}.mlp.linear_fc1.weight`, gateAndUp(`${from}.mlp`)],
    [`${to}.mlp.linear_fc2.weight`, `${from}.mlp.down_proj.weight`],
  ];
}

/** Experts: one by one, or all of a layer in one tensor, as newer releases store and transformers 5 holds them. */
export const apartOrStacked = (apart: PlainOrigin, stack: string): Origin => ({
  oneOf: [apart, { stacked: [stack] }],
});

export function gatedExpertRows(to: string, at: string): LayerRows {
  return [
    [`${to}.mlp.experts.linear_fc1.weight*`, apartOrStacked(gateAndUp(`${at}.*`), `${at}.gate_up_proj`)],
    [`${to}.mlp.experts.linear_fc2.weight*`, apartOrStacked(`${at}.*.down_proj.weight`, `${at}.down_proj`)],
  ];
}

/** The same named as in Mixtral, with the norm before them: `block_sparse_moe`, or `mlp` as transformers 5 holds it. */
export function blockSparseLayerRows(to: string, from: string): LayerRows {
  const [stored, held] = [`${from}.block_sparse_moe`, `${from}.mlp`];
  const either = (name: string): Origin => ({ oneOf: [`${stored}.${name}`, `${held}.${name}`] });
  const gated = { gated: [`${stored}.experts.*.w1.weight`, `${stored}.experts.*.w3.weight`] } as const;
  return [
    [`${to}.pre_mlp_layernorm.weight`, `${from}.post_attention_layernorm.weight`],
    [`${to}.mlp.router.weight`, either('gate.weight')],
    [`${to}.mlp.router.expert_bias`, either('e_score_correction_bias')],
    [`${to}.mlp.experts.linear_fc1.weight*`, apartOrStacked(gated, `${held}.experts.gate_up_proj`)],
    [
      `${to}.mlp.experts.linear_fc2.weight*`,
      apartOrStacked(`${stored}.experts.*.w2.weight`, `${held}.experts.down_proj`),
    ],
  ];
}

export interface MixtureNames {
  /** Where a mixture differs from `mlp.gate`. */
  readonly router?: string;
  /** The router's correction bias, when it has one. */
  readonly bias?: Origin;
  readonly shared?: string;
}

/** A router, gated experts, perhaps shared ones, and the norm before them; names are relative to the layer's MLP. */
export function mixtureLayerRows(to: string, from: string, names: MixtureNames = {}): LayerRows {
  const at = `${from}.mlp`;
  const { router = 'gate', bias, shared } = names;
  return [
    [`${to}.pre_mlp_layernorm.weight`, `${from}.post_attention_layernorm.weight`],
    [`${to}.mlp.router.weight`, `${at}.${router}.weight`],
    ...(bias === undefined ? [] : [[`${to}.mlp.router.expert_bias`, bias] as const]),
    ...gatedExpertRows(to, `${at}.experts`),
    ...(shared === undefined
      ? []
      : ([
          [`${to}.mlp.shared_experts.linear_fc1.weight`, gateAndUp(`${at}.${shared}`)],
          [`${to}.mlp.shared_experts.linear_fc2.weight`, `${at}.${shared}.down_proj.weight`],
        ] as const)),
  ];
}

/** A mixture whose one shared expert has a gate of its own. */
export function gatedMixtureLayerRows(to: string, from: string): LayerRows {
  return [
    ...mixtureLayerRows(to, from, { shared: 'shared_expert' }),
    [`${to}.mlp.shared_experts.gate_weight`, `${from}.mlp.shared_expert_gate.weight`],
  ];
}

function queryKeyValue(at: string, kind: string): Origin {
  return { qkv: [`${at}.q_proj.${kind}`, `${at}.k_proj.${kind}`, `${at}.v_proj.${kind}`] };
}
