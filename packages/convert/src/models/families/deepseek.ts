import type { PyMap } from '@nemotron-convert/core';
import type { ConfigRules, DropRule, Family, MappingRow } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import { gateAndUp, gatedExpertRows } from '../layer-rows.js';
import type { Fields } from '../provider.js';
import { DECODER_BLOCK_SPEC, denseFirst, sharedWidth } from '../provider-values.js';
import { endRows, ROTARY_BUFFERS } from '../rows.js';

const SET: PyMap = {
  transformer_layer_spec: DECODER_BLOCK_SPEC,
  normalization: 'RMSNorm',
  gated_linear_unit: true,
  position_embedding_type: 'rope',
  add_bias_linear: false,
  share_embeddings_and_output_weights: false,
  qk_layernorm: true,
  multi_latent_attention: true,
  moe_grouped_gemm: true,
  moe_router_pre_softmax: true,
  moe_token_dispatcher_type: 'alltoall',
  moe_router_load_balancing_type: 'seq_aux_loss',
  moe_shared_expert_overlap: true,
  moe_router_dtype: 'fp32',
  moe_permute_fusion: true,
  apply_rope_fusion: false,
  bias_activation_fusion: true,
  bias_dropout_fusion: true,
  cross_entropy_fusion_impl: 'te',
  cross_entropy_loss_fusion: true,
  masked_softmax_fusion: true,
  persist_layer_norm: true,
  gradient_accumulation_fusion: true,
  hidden_dropout: 0.0,
  attention_softmax_in_fp32: false,
};

/** The first layers are dense, the rest mixtures; shared experts are one MLP of their joint width. */
export const experts = (hf: HfConfig): Fields => ({
  moe_layer_freq: denseFirst(hf, hf.int('first_k_dense_replace')),
  ...sharedWidth(hf, 'moe_intermediate_size', 'n_shared_experts'),
});

/** Megatron-Core 0.20 norms what full-rank queries come from, and no checkpoint has a weight for that. */
const refusesFullRank = (config: PyMap): string | null =>
  config['q_lora_rank'] === null ? 'cannot build full-rank queries (q_lora_rank null)' : null;

/** 0.3.1 copies no nulls, so that full-rank queries would become the class default's rank. */
const queryRank = (hf: HfConfig): Fields => ({ q_lora_rank: hf.get('q_lora_rank') });

/** transformers' own classes set head_dim to the rotary part; the class that a repository brings along does not. */
function headSize(hf: HfConfig): Fields {
  const remote = hf.map('auto_map')?.['AutoConfig'] !== undefined;
  return remote ? {} : { kv_channels: hf.get('qk_rope_head_dim') };
}

/** The same where config.json may say otherwise. */
const givenHeadSize = (hf: HfConfig): Fields => (hf.has('head_dim') ? {} : headSize(hf));

const ATTENTION = [
  ['linear_proj.weight', 'o_proj.weight'],
  ['linear_q_proj.weight', 'q_proj.weight'],
  ['linear_q_down_proj.weight', 'q_a_proj.weight'],
  ['linear_q_up_proj.layer_norm_weight', 'q_a_layernorm.weight'],
  ['linear_q_up_proj.weight', 'q_b_proj.weight'],
  ['linear_kv_down_proj.weight', 'kv_a_proj_with_mqa.weight'],
  ['linear_kv_up_proj.layer_norm_weight', 'kv_a_layernorm.weight'],
  ['linear_kv_up_proj.weight', 'kv_b_proj.weight'],
] as const;

/** A layer of latent attention and a dense MLP or experts: `to` in Megatron, `from` in the Hugging Face checkpoint. */
export function latentLayerRows(to: string, from: string): readonly MappingRow[] {
  const mlp = `${from}.mlp`;
  return [
    [`${to}.input_layernorm.weight`, `${from}.input_layernorm.weight`],
    ...ATTENTION.map(([a, b]): MappingRow => [`${to}.self_attention.${a}`, `${from}.self_attn.${b}`]),
    [`${to}.pre_mlp_layernorm.weight`, `${from}.post_attention_layernorm.weight`],
    [`${to}.mlp.linear_fc1.layer_norm_weight`, `${from}.post_attention_layernorm.weight`],
    [`${to}.mlp.linear_fc1.weight`, gateAndUp(mlp)],
    [`${to}.mlp.linear_fc2.weight`, `${mlp}.down_proj.weight`],
    [`${to}.mlp.router.weight`, `${mlp}.gate.weight`],
    [`${to}.mlp.router.expert_bias`, `${mlp}.gate.e_score_correction_bias`],
    ...gatedExpertRows(to, `${mlp}.experts`),
    [`${to}.mlp.shared_experts.linear_fc1.weight`, gateAndUp(`${mlp}.shared_experts`)],
    [`${to}.mlp.shared_experts.linear_fc2.weight`, `${mlp}.shared_experts.down_proj.weight`],
  ];
}

export const PREDICTED = 'model.layers.{*+layers}';

/** Multi-token prediction layers that follow the decoder's in the same numbering. */
export const PREDICTION_ROWS: readonly MappingRow[] = [
  ['mtp.layers.*.enorm.weight', `${PREDICTED}.enorm.weight`],
  ['mtp.layers.*.hnorm.weight', `${PREDICTED}.hnorm.weight`],
  ['mtp.layers.*.eh_proj.weight', `${PREDICTED}.eh_proj.weight`],
  ['mtp.layers.*.final_layernorm.weight', `${PREDICTED}.shared_head.norm.weight`],
];

export const SHARED_ENDS: DropRule = {
  tensors: /^model\.layers\.(?<beyond>\d+)\.(?<end>embed_tokens|shared_head\.head)\.weight$/,
  reason: 'multi-token prediction reuses the word embeddings and the output layer',
  repeats: { embed_tokens: 'embedding.word_embeddings.weight', 'shared_head.head': 'output_layer.weight' },
};

const UNPREDICTED: DropRule = {
  tensors: /^model\.layers\.(?<beyond>\d+)\./,
  reason:
    'Megatron-Bridge 0.3.1 has no multi-token prediction for this architecture; target=0.7.0 keeps these layers',
  targets: ['0.3.1'],
};

const rows: readonly MappingRow[] = [
  ...endRows('model'),
  ...latentLayerRows('decoder.layers.*', 'model.layers.*'),
  ...PREDICTION_ROWS,
  ...latentLayerRows('mtp.layers.*.transformer_layer', PREDICTED),
];

const drops = [ROTARY_BUFFERS, UNPREDICTED, SHARED_ENDS];

const DEFAULTS: PyMap = {
  hidden_act: 'silu',
  initializer_range: 0.02,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: false,
  rope_theta: 10000.0,
  attention_bias: false,
  attention_dropout: 0.0,
  kv_lora_rank: 512n,
  q_lora_rank: 1536n,
  qk_nope_head_dim: 128n,
  qk_rope_head_dim: 64n,
  v_head_dim: 128n,
};

const V2: ConfigRules = {
  provider: 'MLAModelProvider',
  set: { ...SET, make_vocab_size_divisible_by: 3200n, seq_length: 4096n },
  derive: (hf) => ({ ...experts(hf), ...headSize(hf) }),
};

export const deepseekV2: Family = {
  architectures: ['DeepseekV2ForCausalLM'],
  example: 'deepseek-ai/DeepSeek-V2',
  defaults: {
    ...DEFAULTS,
    vocab_size: 32000n,
    hidden_size: 4096n,
    intermediate_size: 11008n,
    num_hidden_layers: 32n,
    num_attention_heads: 32n,
    max_position_embeddings: 2048n,
    mlp_bias: false,
    first_k_dense_replace: 0n,
    n_group: null,
    topk_group: null,
    n_routed_experts: 64n,
    n_shared_experts: 2n,
    num_experts_per_tok: null,
    moe_intermediate_size: 1407n,
    routed_scaling_factor: 1.0,
  },
  fallbacks: { num_key_value_heads: 'num_attention_heads' },
  config: {
    '0.3.1': {
      ...V2,
      defaults: { aux_loss_alpha: 0.001 },
      set: { ...V2.set, async_tensor_model_parallel_allreduce: true },
      derive: (hf) => ({ ...experts(hf), ...headSize(hf), ...queryRank(hf) }),
    },
    '0.7.0': { ...V2, refuses: refusesFullRank },
  },
  model: 'gpt',
  rows,
  drops,
};

const V3_SET: PyMap = { ...SET, moe_router_enable_expert_bias: true, make_vocab_size_divisible_by: 1280n };

export const deepseekV3: Family = {
  architectures: ['DeepseekV3ForCausalLM'],
  example: 'deepseek-ai/DeepSeek-V3',
  defaults: {
    ...DEFAULTS,
    vocab_size: 129280n,
    hidden_size: 7168n,
    intermediate_size: 18432n,
    num_hidden_layers: 61n,
    num_attention_heads: 128n,
    num_key_value_heads: 128n,
    max_position_embeddings: 4096n,
    first_k_dense_replace: 3n,
    n_group: 8n,
    topk_group: 4n,
    n_routed_experts: 256n,
    n_shared_experts: 1n,
    num_experts_per_tok: 8n,
    moe_intermediate_size: 2048n,
    routed_scaling_factor: 2.5,
  },
  fallbacks: { num_key_value_heads: 'num_attention_heads' },
  config: {
    '0.3.1': {
      provider: 'MLAModelProvider',
      set: {
        ...V3_SET,
        moe_aux_loss_coeff: 0.0001,
        async_tensor_model_parallel_allreduce: true,
        seq_length: 4096n,
        mtp_num_layers: null,
      },
      // Megatron refuses an expert bias with any other score function, and this architecture has no other.
      derive: (hf) => ({
        ...experts(hf),
        ...givenHeadSize(hf),
        ...queryRank(hf),
        moe_router_score_function: hf.get('scoring_func') ?? 'sigmoid',
      }),
    },
    '0.7.0': {
      provider: 'MLAModelProvider',
      refuses: refusesFullRank,
      set: { ...V3_SET, moe_router_score_function: 'sigmoid' },
      derive: (hf) => ({
        ...experts(hf),
        ...headSize(hf),
        moe_aux_loss_coeff: 'aux_loss_alpha' in hf.values ? hf.get('aux_loss_alpha') : 0.0001,
        mtp_num_layers: hf.truthy('num_nextn_predict_layers') ? hf.get('num_nextn_predict_layers') : null,
      }),
    },
  },
  model: 'gpt',
  rows,
  drops,
};

export const kimiK2: Family = {
  architectures: ['KimiK2ForCausalLM'],
  example: 'moonshotai/Kimi-K2-Instruct',
  defaults: deepseekV3.defaults,
  fallbacks: { num_key_value_heads: 'num_attention_heads' },
  config: {
    '0.7.0': {
      provider: 'MLAModelProvider',
      refuses: refusesFullRank,
      set: { ...V3_SET, seq_length: 4096n, moe_aux_loss_coeff: 0.001 },
      derive: experts,
    },
  },
  model: 'gpt',
  rows: [...endRows('model'), ...latentLayerRows('decoder.layers.*', 'model.layers.*')],
  drops: [ROTARY_BUFFERS],
};
