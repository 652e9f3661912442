import { isPyMap, type PyMap, type PyValue } from '@nemotron-convert/core';
import type { ConfigRules, DropRule, Family, MappingRow } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import { denseLayerRows, gateAndUp, queryKeyNormLayerRows } from '../layer-rows.js';
import type { Fields } from '../provider.js';
import { named } from '../provider-values.js';
import { endRows, ROTARY_BUFFERS } from '../rows.js';
import { PREDICTED } from './deepseek.js';

const LAYER = 'decoder.layers.*';
const FROM = 'model.layers.*';
const MTP = 'mtp.layers.*.transformer_layer';

function attentionRows(to: string, from: string): readonly MappingRow[] {
  const of = (name: string): string => `${from}.self_attn.${name}_proj.weight`;
  return [
    [`${to}.self_attention.linear_qkv.layer_norm_weight`, `${from}.input_layernorm.weight`],
    [`${to}.self_attention.linear_qkv.weight`, { qkvGated: [of('q'), of('k'), of('v'), of('g')] }],
    [`${to}.self_attention.linear_proj.weight`, of('o')],
    ...queryKeyNormLayerRows(to, from),
  ];
}

/** All experts of a layer are stacked in three tensors. */
const MIXTURE: readonly MappingRow[] = [
  [`${LAYER}.pre_mlp_layernorm.weight`, `${FROM}.post_attention_layernorm.weight`],
  [`${LAYER}.mlp.router.weight`, `${FROM}.moe.gate.weight`],
  [`${LAYER}.mlp.router.expert_bias`, `${FROM}.moe.router_bias`],
  [
    `${LAYER}.mlp.experts.linear_fc1.weight*`,
    { stackedGated: [`${FROM}.moe.gate_proj.weight`, `${FROM}.moe.up_proj.weight`] },
  ],
  [`${LAYER}.mlp.experts.linear_fc2.weight*`, { stacked: [`${FROM}.moe.down_proj.weight`] }],
  [`${LAYER}.mlp.shared_experts.linear_fc1.weight`, gateAndUp(`${FROM}.share_expert`)],
  [`${LAYER}.mlp.shared_experts.linear_fc2.weight`, `${FROM}.share_expert.down_proj.weight`],
];

const SHARED_OUTPUT: DropRule = {
  tensors: /^model\.layers\.(?<beyond>\d+)\.(embed_tokens|transformer\.shared_head\.output)\.weight$/,
  reason: 'multi-token prediction reuses the word embeddings and the output layer',
};

/** The kinds of the decoder's layers; those of the prediction layers may follow in the same list. */
export function decoderTypes(hf: HfConfig): readonly PyValue[] | null {
  if (!hf.has('layer_types')) return null;
  const types = hf.list('layer_types');
  const layers = hf.int('num_hidden_layers');
  const depths = hf.int('num_nextn_predict_layers');
  return depths > 0 && types.length === layers + depths ? types.slice(0, layers) : types;
}

/** The kinds of all layers, those of the prediction layers last. */
function layerTypes(hf: HfConfig): PyValue {
  const types = decoderTypes(hf);
  if (types === null) return null;
  return hf.truthy('mtp_layer_types') ? [...types, ...hf.list('mtp_layer_types')] : hf.list('layer_types');
}

const SLIDING = [
  ['num_attention_heads', 'num_attention_heads'],
  ['num_attention_groups', 'num_query_groups'],
  ['head_dim', 'kv_channels'],
] as const;

function slidingAttention(hf: HfConfig): PyMap {
  const other = hf.get('attention_other_setting');
  const given: PyMap = isPyMap(other) && other['attention_type'] === 'sliding_attention' ? other : {};
  const setting: Record<string, PyValue> = {
    window_size: [hf.has('sliding_window') ? BigInt(hf.int('sliding_window')) : 512n, 0n],
    num_attention_heads: 96n,
    num_query_groups: 8n,
    kv_channels: 128n,
  };
  for (const [from, to] of SLIDING) if (from in given) setting[to] = given[from] ?? null;
  return setting;
}

function rope(hf: HfConfig): Fields {
  const theta = hf.get('rope_theta');
  if (!Array.isArray(theta)) return theta === null ? {} : { rotary_base: hf.number('rope_theta') };
  const bases = hf.numbers('rope_theta');
  return { rotary_base: bases[0] ?? null, rotary_base_per_layer: bases };
}

/** `moe_layers_enum` lists the mixtures, as numbers or as text; without it every layer is one of Megatron-Core's. */
function experts(hf: HfConfig): Fields {
  const listed = hf.get('moe_layers_enum');
  if (listed === null) return {};
  const mixtures = new Set(
    typeof listed === 'string'
      ? listed.split(',').filter(Boolean).map(Number)
      : hf.numbers('moe_layers_enum'),
  );
  return {
    moe_layer_freq: Array.from({ length: hf.int('num_hidden_layers') }, (_, i) =>
      mixtures.has(i) ? 1n : 0n,
    ),
    transformer_layer_spec: named('megatron.bridge.models.stepfun.step35_bridge.build_step35_layer_spec'),
  };
}

/** What the configurations of Step 3.5 and of Step 3.7's text model have in common. */
export const stepFields = (hf: HfConfig): Fields => ({
  sliding_attention_setting: slidingAttention(hf),
  // This Megatron-Core has no gate of one number a head: the gate takes the place of a whole head's.
  ...(hf.truthy('use_head_wise_attn_gate') ? { attention_output_gate: true } : {}),
  ...rope(hf),
  layernorm_zero_centered_gamma: 'zero_centered' in hf.values ? hf.truthy('zero_centered') : true,
  moe_router_enable_expert_bias: hf.truthy('use_moe_router_bias'),
  ...(hf.has('moe_router_activation') ? { moe_router_score_function: hf.get('moe_router_activation') } : {}),
  ...(hf.has('moe_router_scaling_factor')
    ? { moe_router_topk_scaling_factor: hf.number('moe_router_scaling_factor') }
    : {}),
  ...(hf.truthy('need_fp32_gate') ? { moe_router_dtype: 'fp32' } : {}),
  ...experts(hf),
});

const fields = (hf: HfConfig): Fields => ({
  ...stepFields(hf),
  layer_types: layerTypes(hf),
  qk_layernorm: hf.truthy('use_qk_norm'),
});

/** Rows of the decoder. */
export const STEP_ROWS: readonly MappingRow[] = [
  ...endRows('model'),
  ...attentionRows(LAYER, FROM),
  ...denseLayerRows(LAYER, FROM),
  ...MIXTURE,
];

export const STEP_RULES = {
  copy: [
    ['num_attention_groups', 'num_query_groups'],
    ['moe_num_experts', 'num_moe_experts'],
    ['moe_top_k', 'moe_router_topk'],
    ['share_expert_dim', 'moe_shared_expert_intermediate_size'],
    ['use_head_wise_attn_gate', 'head_wise_attn_gate'],
    ['attention_output_gate', 'attention_output_gate'],
  ],
  set: {
    normalization: 'RMSNorm',
    gated_linear_unit: true,
    add_bias_linear: false,
    add_qkv_bias: false,
    hidden_dropout: 0.0,
    attention_dropout: 0.0,
    moe_grouped_gemm: true,
    moe_router_load_balancing_type: 'aux_loss',
    moe_aux_loss_coeff: 0.001,
    moe_router_pre_softmax: false,
    moe_token_dispatcher_type: 'alltoall',
    moe_permute_fusion: true,
  },
} as const satisfies Partial<ConfigRules>;

export const step35: Family = {
  architectures: ['Step3p5ForCausalLM'],
  example: 'stepfun-ai/Step-3.5-Flash',
  defaults: {
    hidden_size: 4096n,
    intermediate_size: 11264n,
    num_attention_heads: 64n,
    num_attention_groups: 8n,
    num_hidden_layers: 45n,
    vocab_size: 128815n,
    rms_norm_eps: 1e-5,
    moe_intermediate_size: 1280n,
    moe_num_experts: 288n,
    moe_top_k: 8n,
    rope_theta: 10000n,
    max_position_embeddings: 128000n,
    share_expert_dims: 1280n,
    head_dim: 128n,
    layer_types: null,
    use_head_wise_attn_gate: true,
    num_nextn_predict_layers: 3n,
    moe_layers_enum: Array.from({ length: 42 }, (_, i) => BigInt(i + 3)),
  },
  fallbacks: { share_expert_dim: 'share_expert_dims' },
  config: {
    '0.7.0': {
      provider: 'Step35ModelProvider',
      ...STEP_RULES,
      derive: fields,
    },
  },
  model: 'gpt',
  rows: [
    ...STEP_ROWS,
    ['mtp.layers.*.enorm.weight', `${PREDICTED}.enorm.weight`],
    ['mtp.layers.*.hnorm.weight', `${PREDICTED}.hnorm.weight`],
    ['mtp.layers.*.eh_proj.weight', `${PREDICTED}.eh_proj.weight`],
    ['mtp.layers.*.final_layernorm.weight', `${PREDICTED}.transformer.shared_head.norm.weight`],
    ...attentionRows(MTP, PREDICTED),
    ...denseLayerRows(MTP, PREDICTED),
  ],
  drops: [ROTARY_BUFFERS, SHARED_OUTPUT],
};
