import type { PyMap } from '@nemotron-convert/core';
import type { DropRule, Family, MappingRow } from '../family.js';
import { HfConfig } from '../hf-config.js';
import { gateAndUp } from '../layer-rows.js';
import type { Fields } from '../provider.js';
import { named, sharedWidth } from '../provider-values.js';
import { endRows, ROTARY_BUFFERS } from '../rows.js';

const ROOT = 'language_model.model';
const LAYER = 'decoder.layers.*';
const FROM = `${ROOT}.layers.*`;
const MIXTURE = `${FROM}.block_sparse_moe`;

/** Parameters of attention, which Megatron-Bridge keeps under their names. */
const ATTENTION = [
  ...['q_proj', 'k_proj', 'v_proj', 'q_conv1d', 'k_conv1d', 'v_conv1d', 'f_a_proj', 'f_b_proj', 'b_proj'],
  ...['g_proj', 'o_norm', 'o_proj', 'q_a_proj', 'q_a_layernorm', 'q_b_proj', 'kv_a_proj_with_mqa'],
  ...['kv_a_layernorm', 'kv_b_proj'],
];
const RESIDUALS = ['self_attention_res', 'mlp_res'];

const rows: readonly MappingRow[] = [
  ...endRows(ROOT, 'language_model.lm_head'),
  [`${LAYER}.input_layernorm.weight`, `${FROM}.input_layernorm.weight`],
  [`${LAYER}.pre_mlp_layernorm.weight`, `${FROM}.post_attention_layernorm.weight`],
  ...ATTENTION.map(
    (name): MappingRow => [`${LAYER}.self_attention.${name}.weight`, `${FROM}.self_attn.${name}.weight`],
  ),
  [`${LAYER}.self_attention.A_log`, { leading: [`${FROM}.self_attn.A_log`] }],
  [`${LAYER}.self_attention.dt_bias`, `${FROM}.self_attn.dt_bias`],
  ...RESIDUALS.flatMap((name): MappingRow[] => [
    [`${LAYER}.${name}_norm.weight`, `${FROM}.${name}_norm.weight`],
    [`${LAYER}.${name}_proj.weight`, `${FROM}.${name}_proj.weight`],
  ]),
  [`${LAYER}.output_attn_res_norm.weight`, `${ROOT}.output_attn_res_norm.weight`],
  [`${LAYER}.output_attn_res_proj.weight`, `${ROOT}.output_attn_res_proj.weight`],
  [`${LAYER}.mlp.linear_fc1.weight`, gateAndUp(`${FROM}.mlp`)],
  [`${LAYER}.mlp.linear_fc2.weight`, `${FROM}.mlp.down_proj.weight`],
  [`${LAYER}.mlp.router.weight`, `${MIXTURE}.gate.weight`],
  [`${LAYER}.mlp.router.expert_bias`, `${MIXTURE}.gate.e_score_correction_bias`],
  [`${LAYER}.mlp.fc1_latent_proj.weight`, `${MIXTURE}.routed_expert_down_proj.weight`],
  [`${LAYER}.mlp.fc2_latent_proj.weight`, `${MIXTURE}.routed_expert_up_proj.weight`],
  [`${LAYER}.mlp.routed_expert_norm.weight`, `${MIXTURE}.routed_expert_norm.weight`],
  [`${LAYER}.mlp.shared_experts.linear_fc1.weight`, gateAndUp(`${MIXTURE}.shared_experts`)],
  [`${LAYER}.mlp.shared_experts.linear_fc2.weight`, `${MIXTURE}.shared_experts.down_proj.weight`],
  [
    `${LAYER}.mlp.experts.linear_fc1.weight*`,
    { gated: [`${MIXTURE}.experts.*.w1.weight`, `${MIXTURE}.experts.*.w3.weight`] },
  ],
  [`${LAYER}.mlp.experts.linear_fc2.weight*`, `${MIXTURE}.experts.*.w2.weight`],
];

const SEEING: DropRule = {
  tensors: /^(vision_tower|mm_projector)\./,
  reason: 'Megatron-Bridge converts the language model of this architecture alone',
};

function mixtures(hf: HfConfig): readonly bigint[] {
  const first = hf.int('first_k_dense_replace');
  const every = hf.int('moe_layer_freq');
  return Array.from({ length: hf.int('num_hidden_layers') }, (_, i) =>
    i >= first && i % every === 0 ? 1n : 0n,
  );
}

function fields(hf: HfConfig): Fields {
  const delta = new HfConfig(hf.map('linear_attn_config') ?? {}, `${hf.path}: linear_attn_config`);
  const grouped = hf.truthy('use_grouped_topk');
  return {
    moe_latent_size: BigInt(hf.int('routed_expert_hidden_size')),
    moe_router_topk: BigInt(hf.int('num_experts_per_token')),
    moe_router_score_function: hf.string('moe_router_activation_func'),
    ...(grouped
      ? { moe_router_num_groups: hf.get('num_expert_group'), moe_router_group_topk: hf.get('topk_group') }
      : {}),
    ...sharedWidth(hf, 'moe_intermediate_size', 'num_shared_experts'),
    moe_layer_freq: mixtures(hf),
    kimi_kda_layers: delta.list('kda_layers'),
    kimi_linear_num_heads: BigInt(delta.int('num_heads')),
    kimi_linear_head_dim: BigInt(delta.int('head_dim')),
    kimi_linear_conv_kernel_size: BigInt(delta.int('short_conv_kernel_size')),
    kimi_kda_gate_lower_bound: delta.get('gate_lower_bound'),
    kimi_attn_res_block_size: BigInt(hf.int('attn_res_block_size')),
  };
}

const SET: PyMap = {
  transformer_layer_spec: named('megatron.bridge.models.kimi.kimi_k3_spec.build_kimi_k3_spec'),
  normalization: 'RMSNorm',
  gated_linear_unit: true,
  add_bias_linear: false,
  add_qkv_bias: false,
  share_embeddings_and_output_weights: false,
  qk_layernorm: true,
  multi_latent_attention: true,
  position_embedding_type: 'none',
  attention_backend: {
    _args_: [5n],
    _call_: true,
    _name_: 'auto',
    _target_: 'megatron.core.transformer.enums.AttnBackend',
  },
  moe_router_pre_softmax: true,
  moe_router_enable_expert_bias: true,
  moe_router_bias_update_rate: 0.0,
  moe_router_dtype: 'fp32',
  moe_router_load_balancing_type: 'none',
  moe_aux_loss_coeff: 0.0,
  moe_grouped_gemm: true,
  moe_shared_expert_overlap: false,
  moe_token_dispatcher_type: 'alltoall',
  moe_permute_fusion: true,
  use_te_activation_func: true,
  bias_activation_fusion: false,
  bias_dropout_fusion: false,
  hidden_dropout: 0.0,
  attention_dropout: 0.0,
  attention_softmax_in_fp32: true,
  disable_bf16_reduced_precision_matmul: true,
  apply_rope_fusion: false,
  gradient_accumulation_fusion: true,
  cross_entropy_fusion_impl: 'te',
  cross_entropy_loss_fusion: true,
  masked_softmax_fusion: true,
  persist_layer_norm: true,
  should_pad_vocab: false,
};

export const kimiK3: Family = {
  architectures: ['KimiK3ForConditionalGeneration'],
  example: 'moonshotai/Kimi-K3',
  text: 'text_config',
  defaults: { first_k_dense_replace: 0n, moe_layer_freq: 1n, rope_theta: 10000.0 },
  config: {
    '0.7.0': {
      provider: 'KimiK3ModelProvider',
      activations: { situ: 'torch.nn.functional.silu' },
      set: SET,
      derive: fields,
    },
  },
  model: 'gpt',
  spellings: [],
  rows,
  drops: [ROTARY_BUFFERS, SEEING],
};
