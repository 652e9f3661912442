import type { PyMap } from '@nemotron-convert/core';
import type { Family } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import type { Fields } from '../provider.js';

const COPY = [
  ['mamba_head_dim', 'mamba_head_dim'],
  ['mamba_num_heads', 'mamba_num_heads'],
  ['n_groups', 'mamba_num_groups'],
  ['ssm_state_size', 'mamba_state_dim'],
  ['residual_in_fp32', 'fp32_residual_connection'],
  ['layer_norm_epsilon', 'layernorm_epsilon'],
  ['moe_shared_expert_intermediate_size', 'moe_shared_expert_intermediate_size'],
] as const;

const SET: PyMap = {
  activation_func: { _call_: false, _target_: 'megatron.core.activations.squared_relu' },
  masked_softmax_fusion: true,
  apply_query_key_layer_scaling: false,
  persist_layer_norm: true,
  attention_softmax_in_fp32: false,
  first_last_layers_bf16: true,
  is_hybrid_model: true,
};

const MOE: PyMap = {
  moe_aux_loss_coeff: 0.0001,
  moe_router_score_function: 'sigmoid',
  moe_router_enable_expert_bias: true,
  moe_router_load_balancing_type: 'seq_aux_loss',
  moe_router_dtype: 'fp32',
  moe_grouped_gemm: true,
  moe_token_dispatcher_type: 'alltoall',
  moe_permute_fusion: true,
  moe_shared_expert_overlap: true,
};

function head(hf: HfConfig): Fields {
  const depth = hf.has('num_nextn_predict_layers') ? hf.int('num_nextn_predict_layers') : 0;
  const fields: Fields = {
    mtp_num_layers: BigInt(depth),
    mtp_hybrid_override_pattern: depth > 0 ? hf.string('mtp_hybrid_override_pattern') : null,
    mtp_use_repeated_layer: depth > 0,
    keep_mtp_spec_in_bf16: depth > 0,
  };
  if (hf.has('moe_latent_size')) fields['moe_latent_size'] = hf.get('moe_latent_size');
  if (hf.has('moe_shared_expert_overlap'))
    fields['moe_shared_expert_overlap'] = hf.get('moe_shared_expert_overlap');
  return fields;
}

const MIXER = 'backbone.layers.*.mixer';
const NORM = 'backbone.layers.*.norm.weight';

export const nemotronH: Family = {
  architectures: ['NemotronHForCausalLM'],
  example: 'nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-Base-BF16',
  defaults: { tie_word_embeddings: false },
  config: {
    '0.3.1': {
      provider: 'MambaModelProvider',
      copy: [
        ...COPY,
        ['hybrid_override_pattern', 'hybrid_override_pattern'],
        ['use_bias', 'add_bias_linear'],
      ],
      set: SET,
      derive: (hf) => (hf.has('n_routed_experts') && hf.int('n_routed_experts') > 0 ? { ...MOE } : {}),
    },
    '0.7.0': {
      provider: 'HybridModelProvider',
      copy: [
        ...COPY,
        ['chunk_size', 'mamba_chunk_size'],
        ['hybrid_override_pattern', 'hybrid_layer_pattern'],
        ['use_bias', 'add_bias_linear'],
      ],
      set: { ...SET, ...MOE, position_embedding_type: 'none' },
      derive: head,
      tokenizerKwargs: { use_fast: true },
    },
  },
  model: 'hybrid',
  rows: [
    ['embedding.word_embeddings.weight', 'backbone.embeddings.weight'],
    ['output_layer.weight', 'lm_head.weight'],
    ['decoder.final_norm.weight', 'backbone.norm_f.weight'],
    // The one norm of a Hugging Face layer lands in whatever the layer kind fuses it into.
    ['decoder.layers.*.mixer.in_proj.layer_norm_weight', NORM],
    ['decoder.layers.*.self_attention.linear_qkv.layer_norm_weight', NORM],
    ['decoder.layers.*.mlp.linear_fc1.layer_norm_weight', NORM],
    ['decoder.layers.*.pre_mlp_layernorm.weight', NORM],
    ['decoder.layers.*.mixer.in_proj.weight', `${MIXER}.in_proj.weight`],
    ['decoder.layers.*.mixer.conv1d.weight', `${MIXER}.conv1d.weight`],
    ['decoder.layers.*.mixer.conv1d.bias', `${MIXER}.conv1d.bias`],
    ['decoder.layers.*.mixer.A_log', `${MIXER}.A_log`],
    ['decoder.layers.*.mixer.D', `${MIXER}.D`],
    ['decoder.layers.*.mixer.dt_bias', `${MIXER}.dt_bias`],
    ['decoder.layers.*.mixer.norm.weight', `${MIXER}.norm.weight`],
    ['decoder.layers.*.mixer.out_proj.weight', `${MIXER}.out_proj.weight`],
    [
      'decoder.layers.*.self_attention.linear_qkv.weight',
      { qkv: [`${MIXER}.q_proj.weight`, `${MIXER}.k_proj.weight`, `${MIXER}.v_proj.weight`] },
    ],
    ['decoder.layers.*.self_attention.linear_proj.weight', `${MIXER}.o_proj.weight`],
    ['decoder.layers.*.mlp.linear_fc1.weight', `${MIXER}.up_proj.weight`],
    ['decoder.layers.*.mlp.linear_fc2.weight', `${MIXER}.down_proj.weight`],
    ['decoder.layers.*.mlp.router.weight', `${MIXER}.gate.weight`],
    ['decoder.layers.*.mlp.router.expert_bias', `${MIXER}.gate.e_score_correction_bias`],
    ['decoder.layers.*.mlp.fc1_latent_proj.weight', `${MIXER}.fc1_latent_proj.weight`],
    ['decoder.layers.*.mlp.fc2_latent_proj.weight', `${MIXER}.fc2_latent_proj.weight`],
    ['decoder.layers.*.mlp.experts.linear_fc1.weight*', `${MIXER}.experts.*.up_proj.weight`],
    ['decoder.layers.*.mlp.experts.linear_fc2.weight*', `${MIXER}.experts.*.down_proj.weight`],
    ['decoder.layers.*.mlp.shared_experts.linear_fc1.weight', `${MIXER}.shared_experts.up_proj.weight`],
    ['decoder.layers.*.mlp.shared_experts.linear_fc2.weight', `${MIXER}.shared_experts.down_proj.weight`],
  ],
};
