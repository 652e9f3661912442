import type { PyMap } from '@nemotron-convert/core';
import type { Family, MappingRow, WholeModel } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import { attentionLayerRows, denseLayerRows, gateAndUp, mixtureLayerRows } from '../layer-rows.js';
import type { Fields } from '../provider.js';
import { endRows, ROTARY_BUFFERS } from '../rows.js';

const LAYER = 'decoder.layers.*';
const FROM = 'model.layers.*';
const MTP = 'mtp.layers.*.transformer_layer';
const PREDICTED = 'model.mtp.layers.*';

const sink = (to: string, from: string): MappingRow => [
  `${to}.self_attention.core_attention.softmax_offset`,
  `${from}.self_attn.attention_sink_bias`,
];

/** The checkpoint alone says how many prediction layers there are. */
function depths(tensors: Iterable<string>): bigint {
  const found = new Set<string>();
  for (const name of tensors) {
    const depth = /^model\.mtp\.layers\.(\d+)\./.exec(name)?.[1];
    if (depth !== undefined) found.add(depth);
  }
  return BigInt(found.size);
}

const fields = (hf: HfConfig, { tensors }: WholeModel): Fields => ({
  rotary_base: [hf.get('swa_rope_theta'), hf.get('rope_theta')],
  hybrid_attention_pattern: hf.list('hybrid_layer_pattern'),
  window_size: hf.get('sliding_window_size'),
  layernorm_epsilon: hf.get('layernorm_epsilon'),
  v_head_dim: hf.get('v_head_dim'),
  full_attn_num_query_groups: hf.get('num_key_value_heads'),
  swa_num_query_groups: hf.get('swa_num_key_value_heads'),
  num_query_groups: hf.get('num_key_value_heads'),
  moe_layer_freq: hf.list('moe_layer_freq'),
  attention_value_scale: hf.get('attention_value_scale'),
  mtp_num_layers: depths(tensors),
});

const SET: PyMap = {
  moe_router_load_balancing_type: 'none',
  moe_router_enable_expert_bias: true,
  moe_grouped_gemm: true,
  moe_router_pre_softmax: true,
  moe_token_dispatcher_type: 'alltoall',
};

export const mimoV2Flash: Family = {
  architectures: ['MiMoV2FlashForCausalLM'],
  example: 'XiaomiMiMo/MiMo-V2-Flash',
  defaults: {},
  config: { '0.7.0': { provider: 'MiMoV2FlashModelProvider', set: SET, derive: fields } },
  model: 'gpt',
  rows: [
    ...endRows('model'),
    ...attentionLayerRows(LAYER, FROM),
    sink(LAYER, FROM),
    ...denseLayerRows(LAYER, FROM),
    ...mixtureLayerRows(LAYER, FROM, { bias: `${FROM}.mlp.gate.e_score_correction_bias` }),
    ...['enorm', 'hnorm', 'eh_proj', 'final_layernorm'].map(
      (name): MappingRow => [`mtp.layers.*.${name}.weight`, `${PREDICTED}.${name}.weight`],
    ),
    ...attentionLayerRows(MTP, PREDICTED),
    sink(MTP, PREDICTED),
    [`${MTP}.mlp.linear_fc1.layer_norm_weight`, `${PREDICTED}.pre_mlp_layernorm.weight`],
    [`${MTP}.mlp.linear_fc1.weight`, gateAndUp(`${PREDICTED}.mlp`)],
    [`${MTP}.mlp.linear_fc2.weight`, `${PREDICTED}.mlp.down_proj.weight`],
  ],
  drops: [ROTARY_BUFFERS],
};
