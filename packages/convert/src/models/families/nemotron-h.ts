import type { PyMap, PyValue } from '@nemotron-convert/core';
import type { Family, MappingRow, Origin } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import { apartOrStacked } from '../layer-rows.js';
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

/** The value where config.json has the key, null included, and `absent` where it does not. */
const given = (hf: HfConfig, key: string, absent: PyValue): PyValue =>
  key in hf.values ? hf.get(key) : absent;

function head(hf: HfConfig): Fields {
  const fields: Fields = { ...prediction(hf) };
  for (const key of ['moe_latent_size', 'moe_shared_expert_overlap']) {
    if (key in hf.values) fields[key] = hf.get(key);
  }
  const size = hf.truthy('head_dim') ? hf.get('head_dim') : hf.get('attention_head_dim');
  if (size !== null) fields['kv_channels'] = size;
  return fields;
}

/** Multi-token prediction; its pattern is written behind the decoder's once for every depth. */
function prediction(hf: HfConfig): Fields {
  const depth = hf.truthy('num_nextn_predict_layers') ? hf.int('num_nextn_predict_layers') : 0;
  const off = {
    mtp_hybrid_override_pattern: null,
    mtp_use_repeated_layer: false,
    keep_mtp_spec_in_bf16: false,
  };
  if (depth === 0) return { mtp_num_layers: 0n, ...off };
  const pattern = hf.string('mtp_hybrid_override_pattern');
  return {
    mtp_num_layers: BigInt(depth),
    mtp_hybrid_override_pattern: pattern,
    hybrid_layer_pattern: hf.string('hybrid_override_pattern') + `/${pattern}`.repeat(depth),
    mtp_use_repeated_layer: given(hf, 'mtp_use_repeated_layer', true) === true,
    keep_mtp_spec_in_bf16: given(hf, 'keep_mtp_spec_in_bf16', true) === true,
    mtp_loss_scaling_factor: given(hf, 'mtp_loss_scaling_factor', 0.3),
  };
}

const expert = (mixer: string, name: string): Origin =>
  apartOrStacked(`${mixer}.experts.*.${name}.weight`, `${mixer}.experts.${name}`);

/** A layer of any kind. Its one norm lands in whatever module the kind fuses it into. */
function layerRows(to: string, from: string): readonly MappingRow[] {
  const norm = `${from}.norm.weight`;
  const mixer = `${from}.mixer`;
  return [
    [`${to}.mixer.in_proj.layer_norm_weight`, norm],
    [`${to}.self_attention.linear_qkv.layer_norm_weight`, norm],
    [`${to}.mlp.linear_fc1.layer_norm_weight`, norm],
    [`${to}.pre_mlp_layernorm.weight`, norm],
    [`${to}.mixer.in_proj.weight`, `${mixer}.in_proj.weight`],
    [`${to}.mixer.conv1d.weight`, `${mixer}.conv1d.weight`],
    [`${to}.mixer.conv1d.bias`, `${mixer}.conv1d.bias`],
    [`${to}.mixer.A_log`, `${mixer}.A_log`],
    [`${to}.mixer.D`, `${mixer}.D`],
    [`${to}.mixer.dt_bias`, `${mixer}.dt_bias`],
    [`${to}.mixer.norm.weight`, `${mixer}.norm.weight`],
    [`${to}.mixer.out_proj.weight`, `${mixer}.out_proj.weight`],
    [
      `${to}.self_attention.linear_qkv.weight`,
      { qkv: [`${mixer}.q_proj.weight`, `${mixer}.k_proj.weight`, `${mixer}.v_proj.weight`] },
    ],
    [`${to}.self_attention.linear_proj.weight`, `${mixer}.o_proj.weight`],
    [`${to}.mlp.linear_fc1.weight`, `${mixer}.up_proj.weight`],
    [`${to}.mlp.linear_fc2.weight`, `${mixer}.down_proj.weight`],
    [`${to}.mlp.router.weight`, `${mixer}.gate.weight`],
    [`${to}.mlp.router.expert_bias`, `${mixer}.gate.e_score_correction_bias`],
    [`${to}.mlp.fc1_latent_proj.weight`, `${mixer}.fc1_latent_proj.weight`],
    [`${to}.mlp.fc2_latent_proj.weight`, `${mixer}.fc2_latent_proj.weight`],
    [`${to}.mlp.experts.linear_fc1.weight*`, expert(mixer, 'up_proj')],
    [`${to}.mlp.experts.linear_fc2.weight*`, expert(mixer, 'down_proj')],
    [`${to}.mlp.shared_experts.linear_fc1.weight`, `${mixer}.shared_experts.up_proj.weight`],
    [`${to}.mlp.shared_experts.linear_fc2.weight`, `${mixer}.shared_experts.down_proj.weight`],
  ];
}

/**
 * The rows of a model whose names begin with `language` in the Hugging Face checkpoint, and those of its prediction layers
 * with `prediction`.
 */
export function nemotronHRows(language: string, prediction: string): readonly MappingRow[] {
  const mtp = `${prediction}mtp.layers`;
  return [
    ['embedding.word_embeddings.weight', `${language}backbone.embeddings.weight`],
    ['output_layer.weight', `${language}lm_head.weight`],
    ['decoder.final_norm.weight', `${language}backbone.norm_f.weight`],
    ...layerRows('decoder.layers.*', `${language}backbone.layers.*`),
    ['mtp.layers.*.enorm.weight', `${mtp}.{depth+first}.enorm.weight`],
    ['mtp.layers.*.hnorm.weight', `${mtp}.{depth+first}.hnorm.weight`],
    ['mtp.layers.*.eh_proj.weight', `${mtp}.{depth+first}.eh_proj.weight`],
    ['mtp.layers.*.final_layernorm.weight', `${mtp}.{depth+last}.final_layernorm.weight`],
    // The Bridge has no rows for Mamba mixers in prediction layers.
    ...layerRows('mtp.layers.*.mtp_model_layer.layers.*', `${mtp}.{depth+*}`).filter(
      ([name]) => !name.includes('.mixer.'),
    ),
  ];
}

export const nemotronH: Family = {
  architectures: ['NemotronHForCausalLM'],
  example: 'nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-Base-BF16',
  defaults: { tie_word_embeddings: false },
  config: {
    '0.3.1': {
      provider: 'MambaModelProvider',
      refuses: (config) =>
        (config['moe_latent_size'] ?? null) === null ? null : 'has no latent experts (moe_latent_size)',
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
      defaults: { rope_theta: 10000.0 },
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
  spellings: [
    ['model.', 'backbone.'],
    ['backbone.embedding.', 'backbone.embeddings.'],
  ],
  rows: nemotronHRows('', ''),
  drops: [
    {
      tensors: /^mtp\./,
      reason:
        'Megatron-Bridge 0.3.1 has no multi-token prediction for this architecture; target=0.7.0 keeps these layers',
      targets: ['0.3.1'],
    },
  ],
};
