import type { PyMap } from '@nemotron-convert/core';
import type { DropRule, Family, MappingRow } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import { gatedMixtureLayerRows } from '../layer-rows.js';
import { type Fields, vocabDivisor } from '../provider.js';
import { attentionRows, endRows, queryKeyNormRows, ROTARY_BUFFERS } from '../rows.js';

const LAYER = 'decoder.layers.*';
const FROM = 'model.layers.*';

const at = `${LAYER}.self_attention`;
const delta = `${FROM}.linear_attn`;

const rows: readonly MappingRow[] = [
  ...endRows('model'),
  ...attentionRows('model.layers'),
  ...queryKeyNormRows('model.layers'),
  [`${at}.in_proj.layer_norm_weight`, `${FROM}.input_layernorm.weight`],
  [`${at}.in_proj.weight`, { gdn: [`${delta}.in_proj_qkvz.weight`, `${delta}.in_proj_ba.weight`] }],
  [`${at}.conv1d.weight`, `${delta}.conv1d.weight`],
  [`${at}.dt_bias`, `${delta}.dt_bias`],
  [`${at}.A_log`, `${delta}.A_log`],
  [`${at}.out_norm.weight`, { minusOne: [`${delta}.norm.weight`] }],
  [`${at}.out_proj.weight`, `${delta}.out_proj.weight`],
  ...gatedMixtureLayerRows(LAYER, FROM),
];

const UNPREDICTED: DropRule = {
  tensors: /^mtp\./,
  reason: 'Megatron-Bridge leaves the multi-token prediction layer of this architecture out',
};

const SPEC: PyMap = {
  _call_: false,
  _target_:
    'megatron.core.models.gpt.experimental_attention_variant_module_specs.get_transformer_block_with_experimental_attention_variant_spec',
};

/** The delta net's sizes, with the names that config.json has too. */
const DELTA = [
  'linear_conv_kernel_dim',
  'linear_key_head_dim',
  'linear_value_head_dim',
  'linear_num_key_heads',
  'linear_num_value_heads',
].map((name) => [name, name] as const);

/** One for linear attention, zero for full, by layer; every fourth is full where config.json names no types. */
export function attentionPattern(hf: HfConfig): Fields {
  const layers = hf.int('num_hidden_layers');
  const interval = hf.has('full_attention_interval') ? hf.int('full_attention_interval') : 4;
  const linear = hf.has('layer_types')
    ? hf.list('layer_types').map((type) => type === 'linear_attention')
    : Array.from({ length: layers }, (_, i) => (i + 1) % interval !== 0);
  return { linear_attention_freq: linear.map((is) => (is ? 1n : 0n)) };
}

export const qwen3Next: Family = {
  architectures: ['Qwen3NextForCausalLM'],
  example: 'Qwen/Qwen3-Next-80B-A3B-Instruct',
  defaults: {
    vocab_size: 151936n,
    hidden_size: 2048n,
    intermediate_size: 5632n,
    num_hidden_layers: 48n,
    num_attention_heads: 16n,
    num_key_value_heads: 2n,
    hidden_act: 'silu',
    max_position_embeddings: 32768n,
    initializer_range: 0.02,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: false,
    rope_theta: 10000.0,
    partial_rotary_factor: 0.25,
    attention_bias: false,
    attention_dropout: 0.0,
    head_dim: 256n,
    linear_conv_kernel_dim: 4n,
    linear_key_head_dim: 128n,
    linear_value_head_dim: 128n,
    linear_num_key_heads: 16n,
    linear_num_value_heads: 32n,
    moe_intermediate_size: 512n,
    shared_expert_intermediate_size: 512n,
    num_experts_per_tok: 10n,
    num_experts: 512n,
    router_aux_loss_coef: 0.001,
  },
  config: {
    '0.3.1': {
      provider: 'Qwen3NextModelProvider',
      // Its transformers gives this key no default.
      refuses: (config) =>
        (config['full_attention_interval'] ?? null) === null
          ? 'builds this architecture only with a full_attention_interval in config.json'
          : null,
      copyOnly: true,
      copy: [
        ['num_hidden_layers', 'num_layers'],
        ['hidden_size', 'hidden_size'],
        ['intermediate_size', 'ffn_hidden_size'],
        ['moe_intermediate_size', 'moe_ffn_hidden_size'],
        ['num_attention_heads', 'num_attention_heads'],
        ['num_key_value_heads', 'num_query_groups'],
        ['num_experts', 'num_moe_experts'],
        ['num_experts_per_tok', 'moe_router_topk'],
        ['initializer_range', 'init_method_std'],
        ['rms_norm_eps', 'layernorm_epsilon'],
        ['rope_theta', 'rotary_base'],
        ['tie_word_embeddings', 'share_embeddings_and_output_weights'],
        ['vocab_size', 'vocab_size'],
        ['max_position_embeddings', 'seq_length'],
        ['head_dim', 'kv_channels'],
        ['full_attention_interval', 'linear_attention_freq'],
        ['partial_rotary_factor', 'rotary_percent'],
        ['shared_expert_intermediate_size', 'moe_shared_expert_intermediate_size'],
        ...DELTA,
      ],
      set: {
        gated_linear_unit: true,
        qk_layernorm: true,
        moe_grouped_gemm: true,
        layernorm_zero_centered_gamma: true,
        attention_output_gate: true,
        experimental_attention_variant: 'gated_delta_net',
        moe_shared_expert_gate: true,
        mtp_num_layers: null,
      },
      derive: (hf) => ({ make_vocab_size_divisible_by: vocabDivisor(BigInt(hf.int('vocab_size'))) }),
    },
    '0.7.0': {
      provider: 'GPTModelProvider',
      copy: [...DELTA, ['shared_expert_intermediate_size', 'moe_shared_expert_intermediate_size']],
      set: {
        normalization: 'RMSNorm',
        gated_linear_unit: true,
        position_embedding_type: 'rope',
        add_bias_linear: false,
        add_qkv_bias: false,
        hidden_dropout: 0.0,
        qk_layernorm: true,
        autocast_dtype: { _call_: false, _target_: 'torch.bfloat16' },
        moe_grouped_gemm: true,
        moe_router_load_balancing_type: 'global_aux_loss',
        moe_aux_loss_coeff: 0.001,
        moe_router_pre_softmax: false,
        moe_token_dispatcher_type: 'alltoall',
        moe_permute_fusion: true,
        moe_shared_expert_gate: true,
        moe_router_dtype: 'fp32',
        layernorm_zero_centered_gamma: true,
        attention_output_gate: true,
        transformer_layer_spec: SPEC,
        experimental_attention_variant: 'gdn',
        hetereogenous_dist_checkpoint: true,
      },
      derive: attentionPattern,
    },
  },
  model: 'gpt',
  rows,
  drops: [ROTARY_BUFFERS, UNPREDICTED],
};
