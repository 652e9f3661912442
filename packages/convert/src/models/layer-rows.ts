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
    [`${to}.mlp.experts.linear_fc1.weight*`, gateAndUp(`${at}.experts.*`)],
    [`${to}.mlp.experts.linear_fc2.weight*`, `${at}.experts.*.down_proj.weight`],
    ...(shared === undefined
      ? []
      : ([
          [`${to}.mlp.shared_experts.linear_fc1.weight`, gateAndUp(`${at}.${shared}`)],
          [`${to}.mlp.shared_experts.linear_fc2.weight`, `${at}.${shared}.down_proj.weight`],
        ] as const)),
  ];
}

function queryKeyValue(at: string, kind: string): Origin {
  return { qkv: [`${at}.q_proj.${kind}`, `${at}.k_proj.${kind}`, `${at}.v_proj.${kind}`] };
}
