import type { PyMap } from '@nemotron-convert/core';
import type { ConfigRules, Family, MappingRow, Origin, PlainOrigin } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import type { Fields } from '../provider.js';
import { endRows, ROTARY_BUFFERS } from '../rows.js';
import { PREDICTED, PREDICTION_ROWS, SHARED_ENDS } from './deepseek.js';

const SET: PyMap = {
  transformer_layer_spec: {
    _args_: [],
    _partial_: true,
    _target_: 'megatron.core.models.gpt.gpt_layer_specs.get_gpt_decoder_block_spec',
    use_transformer_engine: true,
  },
  normalization: 'RMSNorm',
  gated_linear_unit: true,
  add_bias_linear: false,
  share_embeddings_and_output_weights: false,
  moe_shared_expert_overlap: true,
  moe_token_dispatcher_type: 'alltoall',
  moe_router_load_balancing_type: 'seq_aux_loss',
  moe_router_pre_softmax: false,
  moe_grouped_gemm: true,
  moe_router_score_function: 'sigmoid',
  moe_permute_fusion: true,
  moe_router_enable_expert_bias: true,
  moe_router_dtype: 'fp32',
  moe_router_bias_update_rate: 0n,
  moe_aux_loss_coeff: 0.001,
  persist_layer_norm: true,
  bias_activation_fusion: true,
  bias_dropout_fusion: true,
  hidden_dropout: 0.0,
  autocast_dtype: { _call_: false, _target_: 'torch.bfloat16' },
  mtp_loss_scaling_factor: 0.3,
};

/** The first layers are dense, the rest mixtures; the shared expert has a routed expert's width. */
export function glmExperts(hf: HfConfig): Fields {
  const layers = hf.int('num_hidden_layers');
  const dense = hf.int('first_k_dense_replace');
  return {
    moe_layer_freq: Array.from({ length: Math.max(dense, layers) }, (_, i) => (i < dense ? 0n : 1n)),
    moe_shared_expert_intermediate_size: hf.get('moe_intermediate_size'),
  };
}

const RULES: ConfigRules = { provider: 'GPTModelProvider', set: SET, derive: glmExperts };

const gated = (at: string, kind = 'weight') =>
  ({ gated: [`${at}.gate_proj.${kind}`, `${at}.up_proj.${kind}`] }) as const;
const projections = (at: string, kind: string) =>
  ({ qkv: [`${at}.q_proj.${kind}`, `${at}.k_proj.${kind}`, `${at}.v_proj.${kind}`] }) as const;

/**
 * A layer of `from` in the Hugging Face checkpoint. Its experts are tensors of their own, or stacked in one; only 0.7.0
 * knows the latter, and it means the same for both.
 */
export function glmLayerRows(to: string, from: string): readonly MappingRow[] {
  const at = `${from}.mlp.experts`;
  const either = (name: string, apart: PlainOrigin): Origin => ({
    oneOf: [
      apart,
      { stacked: [`${at}.${name}`] },
      { stackedTransposed: [`${at}.${name}`] },
      { stacked: [`${at}.${name}.weight`] },
      { stackedTransposed: [`${at}.${name}.weight`] },
    ],
  });
  const attention = `${from}.self_attn`;
  const mlp = `${from}.mlp`;
  return [
    [`${to}.self_attention.linear_qkv.layer_norm_weight`, `${from}.input_layernorm.weight`],
    [`${to}.self_attention.linear_qkv.weight`, projections(attention, 'weight')],
    [`${to}.self_attention.linear_qkv.bias`, projections(attention, 'bias')],
    [`${to}.self_attention.linear_proj.weight`, `${attention}.o_proj.weight`],
    [`${to}.self_attention.q_layernorm.weight`, `${attention}.q_norm.weight`],
    [`${to}.self_attention.k_layernorm.weight`, `${attention}.k_norm.weight`],
    [`${to}.mlp.linear_fc1.layer_norm_weight`, `${from}.post_attention_layernorm.weight`],
    [`${to}.mlp.linear_fc1.weight`, gated(mlp)],
    [`${to}.mlp.linear_fc2.weight`, `${mlp}.down_proj.weight`],
    [`${to}.pre_mlp_layernorm.weight`, `${from}.post_attention_layernorm.weight`],
    [`${to}.mlp.router.weight`, `${mlp}.gate.weight`],
    [`${to}.mlp.router.expert_bias`, `${mlp}.gate.e_score_correction_bias`],
    [`${to}.mlp.shared_experts.linear_fc1.weight`, gated(`${mlp}.shared_experts`)],
    [`${to}.mlp.shared_experts.linear_fc2.weight`, `${mlp}.shared_experts.down_proj.weight`],
    [`${to}.mlp.experts.linear_fc1.weight*`, either('gate_up_proj', gated(`${at}.*`))],
    [`${to}.mlp.experts.linear_fc2.weight*`, either('down_proj', `${at}.*.down_proj.weight`)],
  ];
}

export const glm4Moe: Family = {
  architectures: ['Glm4MoeForCausalLM'],
  example: 'zai-org/GLM-4.5',
  defaults: {
    vocab_size: 151552n,
    hidden_size: 4096n,
    intermediate_size: 10944n,
    num_hidden_layers: 46n,
    num_attention_heads: 96n,
    num_key_value_heads: 8n,
    hidden_act: 'silu',
    max_position_embeddings: 131072n,
    initializer_range: 0.02,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
    rope_theta: 10000.0,
    partial_rotary_factor: 0.5,
    attention_bias: false,
    attention_dropout: 0.0,
    moe_intermediate_size: 1408n,
    num_experts_per_tok: 8n,
    n_routed_experts: 128n,
    routed_scaling_factor: 1.0,
    n_group: 1n,
    topk_group: 1n,
    first_k_dense_replace: 1n,
    use_qk_norm: false,
  },
  config: {
    '0.3.1': { ...RULES, set: { ...SET, position_embedding_type: 'rope' } },
    '0.7.0': {
      ...RULES,
      derive: (hf) => ({ ...glmExperts(hf), mtp_num_layers: hf.get('num_nextn_predict_layers') }),
    },
  },
  model: 'gpt',
  rows: [
    ...endRows('model'),
    ...PREDICTION_ROWS,
    ...glmLayerRows('decoder.layers.*', 'model.layers.*'),
    ...glmLayerRows('mtp.layers.*.transformer_layer', PREDICTED),
  ],
  drops: [ROTARY_BUFFERS, SHARED_ENDS],
};
