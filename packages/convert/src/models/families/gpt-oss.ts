import { isPyMap, type PyMap } from '@nemotron-convert/core';
import type { Family, MappingRow } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import type { Fields } from '../provider.js';
import { attentionBiasRows, attentionRows, endRows, ROTARY_BUFFERS } from '../rows.js';

const SET: PyMap = {
  normalization: 'RMSNorm',
  gated_linear_unit: true,
  add_bias_linear: true,
  share_embeddings_and_output_weights: false,
  position_embedding_type: 'yarn',
  moe_router_pre_softmax: false,
  moe_grouped_gemm: true,
  moe_token_dispatcher_type: 'alltoall',
  moe_permute_fusion: true,
  moe_router_load_balancing_type: 'none',
  bias_activation_fusion: true,
  bias_dropout_fusion: false,
  hidden_dropout: 0.0,
  activation_func: { _call_: false, _target_: 'megatron.core.fusions.fused_bias_geglu.quick_gelu' },
  activation_func_clamp_value: 7.0,
  glu_linear_offset: 1.0,
  softmax_type: 'learnable',
  window_attn_skip_freq: 2n,
  yarn_rotary_scaling_factor: 32.0,
  yarn_original_max_position_embeddings: 4096n,
  yarn_beta_fast: 32.0,
  yarn_beta_slow: 1.0,
  yarn_correction_range_round_to_int: false,
  yarn_mscale: null,
  yarn_mscale_all_dim: null,
};

const width = (hf: HfConfig): Fields => ({ moe_ffn_hidden_size: hf.get('intermediate_size') });

/** 0.3.1 takes YaRN's mscale from rope_scaling only where that is YaRN, and builds no model without it. */
function withoutYarn(config: PyMap): string | null {
  const rope = 'rope_scaling' in config ? config['rope_scaling'] : ROPE;
  const type = isPyMap(rope ?? null) ? typeOf(rope as PyMap) : null;
  return type === 'yarn'
    ? null
    : `builds this architecture only with rope_scaling of type yarn, found ${type}`;
}

const typeOf = (rope: PyMap): string | null => {
  const type = rope['type'] ?? rope['rope_type'] ?? null;
  return typeof type === 'string' ? type : null;
};

const ROPE: PyMap = {
  rope_type: 'yarn',
  factor: 32.0,
  beta_fast: 32.0,
  beta_slow: 1.0,
  truncate: false,
  original_max_position_embeddings: 4096n,
};

const LAYERS = 'model.layers';
const MLP = `${LAYERS}.*.mlp`;
const EXPERTS = `${MLP}.experts`;
const FC1 = 'decoder.layers.*.mlp.experts.linear_fc1.weight*';
const FC2 = 'decoder.layers.*.mlp.experts.linear_fc2.weight*';

const up = (name: string) => [`${EXPERTS}.gate_up_proj${name}`] as const;
const down = (name: string) => [`${EXPERTS}.down_proj${name}`] as const;
const FOUR_BIT = {
  up: { mxfp4Alternating: [...up('_blocks'), ...up('_scales')] },
  down: { mxfp4: [...down('_blocks'), ...down('_scales')] },
} as const;

/** 0.3.1 takes every stored matrix for transposed; 0.7.0 goes by its shape, and takes the square ones as named here. */
const BY_SHAPE: readonly MappingRow[] = [
  [FC1, { oneOf: [{ alternating: up('') }, { alternatingTransposed: up('') }, FOUR_BIT.up] }],
  [FC2, { oneOf: [{ stackedTransposed: down('') }, { stacked: down('') }, FOUR_BIT.down] }],
];

export const gptOss: Family = {
  architectures: ['GptOssForCausalLM'],
  example: 'openai/gpt-oss-120b',
  defaults: {
    vocab_size: 201088n,
    hidden_size: 2880n,
    intermediate_size: 2880n,
    num_hidden_layers: 36n,
    num_attention_heads: 64n,
    num_key_value_heads: 8n,
    head_dim: 64n,
    hidden_act: 'silu',
    max_position_embeddings: 131072n,
    initializer_range: 0.02,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
    rope_theta: 150000.0,
    rope_scaling: ROPE,
    attention_bias: true,
    attention_dropout: 0.0,
    num_experts_per_tok: 4n,
    num_local_experts: 128n,
    sliding_window: 128n,
  },
  fallbacks: { num_key_value_heads: 'num_attention_heads', head_dim: ['hidden_size', 'num_attention_heads'] },
  config: {
    '0.3.1': {
      provider: 'GPTModelProvider',
      set: { ...SET, add_qkv_bias: false, window_size: [128n, 0n] },
      derive: width,
      refuses: withoutYarn,
    },
    '0.7.0': {
      provider: 'GPTModelProvider',
      defaults: { router_aux_loss_coef: 0.001 },
      set: SET,
      derive: (hf) => ({
        ...width(hf),
        add_qkv_bias: hf.get('attention_bias'),
        window_size: [BigInt(hf.int('sliding_window') - 1), 0n],
      }),
      rows: BY_SHAPE,
    },
  },
  model: 'gpt',
  rows: [
    ...endRows('model'),
    ...attentionRows(LAYERS),
    ...attentionBiasRows(LAYERS),
    ['decoder.layers.*.self_attention.linear_proj.bias', `${LAYERS}.*.self_attn.o_proj.bias`],
    ['decoder.layers.*.self_attention.core_attention.softmax_offset', `${LAYERS}.*.self_attn.sinks`],
    ['decoder.layers.*.pre_mlp_layernorm.weight', `${LAYERS}.*.post_attention_layernorm.weight`],
    ['decoder.layers.*.mlp.router.weight', `${MLP}.router.weight`],
    ['decoder.layers.*.mlp.router.bias', `${MLP}.router.bias`],
    [FC1, { oneOf: [{ alternatingTransposed: up('') }, FOUR_BIT.up] }],
    ['decoder.layers.*.mlp.experts.linear_fc1.bias*', { alternating: up('_bias') }],
    [FC2, { oneOf: [{ stackedTransposed: down('') }, FOUR_BIT.down] }],
    ['decoder.layers.*.mlp.experts.linear_fc2.bias*', { stacked: down('_bias') }],
  ],
  drops: [ROTARY_BUFFERS],
};
