import type { PyMap } from '@nemotron-convert/core';
import type { Family, MappingRow } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import {
  attentionLayerRows,
  denseLayerRows,
  gatedMixtureLayerRows,
  queryKeyNormLayerRows,
} from '../layer-rows.js';
import type { Fields } from '../provider.js';
import { BFLOAT16, named } from '../provider-values.js';
import { endRows, ROTARY_BUFFERS } from '../rows.js';
import { attentionPattern } from './qwen3-next.js';

const LAYER = 'decoder.layers.*';
const MTP = 'mtp.layers.*.transformer_layer';
const PREDICTED = 'mtp.layers.*';

const at = `${LAYER}.self_attention`;

function deltaRows(from: string): readonly MappingRow[] {
  const delta = `${from}.linear_attn`;
  return [
    [`${at}.in_proj.layer_norm_weight`, `${from}.input_layernorm.weight`],
    [
      `${at}.in_proj.weight`,
      {
        gdnSeparate: [
          `${delta}.in_proj_qkv.weight`,
          `${delta}.in_proj_z.weight`,
          `${delta}.in_proj_b.weight`,
          `${delta}.in_proj_a.weight`,
        ],
      },
    ],
    [`${at}.conv1d.weight`, `${delta}.conv1d.weight`],
    [`${at}.dt_bias`, `${delta}.dt_bias`],
    [`${at}.A_log`, `${delta}.A_log`],
    [`${at}.out_norm.weight`, { minusOne: [`${delta}.norm.weight`] }],
    [`${at}.out_proj.weight`, `${delta}.out_proj.weight`],
  ];
}

const PREDICTION: readonly MappingRow[] = [
  ['mtp.layers.*.eh_proj.weight', 'mtp.fc.weight'],
  ['mtp.layers.*.enorm.weight', 'mtp.pre_fc_norm_embedding.weight'],
  ['mtp.layers.*.hnorm.weight', 'mtp.pre_fc_norm_hidden.weight'],
  ['mtp.layers.*.final_layernorm.weight', 'mtp.norm.weight'],
  ...attentionLayerRows(MTP, PREDICTED),
  ...queryKeyNormLayerRows(MTP, PREDICTED),
];

const DEFAULTS: PyMap = {
  vocab_size: 248320n,
  hidden_act: 'silu',
  num_attention_heads: 16n,
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
};

const SET: PyMap = {
  normalization: 'RMSNorm',
  gated_linear_unit: true,
  add_bias_linear: false,
  qk_layernorm: true,
  hidden_dropout: 0.0,
  layernorm_zero_centered_gamma: true,
  attention_output_gate: true,
  experimental_attention_variant: 'gdn',
  position_embedding_type: 'rope',
  autocast_dtype: BFLOAT16,
  transformer_layer_spec: named(
    'megatron.core.models.gpt.experimental_attention_variant_module_specs.get_transformer_block_with_experimental_attention_variant_spec',
  ),
  hetereogenous_dist_checkpoint: true,
};

export function qwen35Fields(hf: HfConfig): Fields {
  return {
    ...attentionPattern(hf),
    add_qkv_bias: hf.get('attention_bias'),
    rotary_percent: hf.map('rope_parameters')?.['partial_rotary_factor'] ?? 0.25,
    ...(hf.truthy('mtp_num_hidden_layers') ? { mtp_loss_scaling_factor: 0.1 } : {}),
  };
}

export const QWEN35_COPY = [
  'linear_conv_kernel_dim',
  'linear_key_head_dim',
  'linear_value_head_dim',
  'linear_num_key_heads',
  'linear_num_value_heads',
].map((name) => [name, name] as const);

/** The rows that dense models and mixtures share, rooted at `root` in the Hugging Face checkpoint. */
function sharedRows(root: string): readonly MappingRow[] {
  const from = `${root}.layers.*`;
  return [
    ...endRows(root),
    ...attentionLayerRows(LAYER, from),
    ...queryKeyNormLayerRows(LAYER, from),
    ...deltaRows(from),
    ...PREDICTION,
  ];
}

export function qwen35Rows(root: string): readonly MappingRow[] {
  return [
    ...sharedRows(root),
    ...denseLayerRows(LAYER, `${root}.layers.*`),
    ...denseLayerRows(MTP, PREDICTED),
  ];
}

export function qwen35MoeRows(root: string): readonly MappingRow[] {
  return [
    ...sharedRows(root),
    ...gatedMixtureLayerRows(LAYER, `${root}.layers.*`),
    ...gatedMixtureLayerRows(MTP, PREDICTED),
  ];
}

export const UNPREDICTED = {
  tensors: /^mtp\./,
  reason: 'config.json names no multi-token prediction layers',
};

export const qwen35: Family = {
  architectures: ['Qwen3_5ForCausalLM'],
  example: 'Qwen/Qwen3.5-4B',
  defaults: {
    ...DEFAULTS,
    hidden_size: 4096n,
    intermediate_size: 12288n,
    num_hidden_layers: 32n,
    num_key_value_heads: 4n,
  },
  config: { '0.7.0': { provider: 'GPTModelProvider', copy: QWEN35_COPY, set: SET, derive: qwen35Fields } },
  model: 'gpt',
  rows: qwen35Rows('model'),
  drops: [ROTARY_BUFFERS, UNPREDICTED],
};

export const qwen35Moe: Family = {
  architectures: ['Qwen3_5MoeForCausalLM'],
  example: 'Qwen/Qwen3.5-35B-A3B',
  defaults: {
    ...DEFAULTS,
    hidden_size: 2048n,
    num_hidden_layers: 40n,
    num_key_value_heads: 2n,
    moe_intermediate_size: 512n,
    shared_expert_intermediate_size: 512n,
    num_experts_per_tok: 8n,
    num_experts: 256n,
    router_aux_loss_coef: 0.001,
  },
  config: {
    '0.7.0': {
      provider: 'GPTModelProvider',
      copy: [...QWEN35_COPY, ['shared_expert_intermediate_size', 'moe_shared_expert_intermediate_size']],
      set: {
        ...SET,
        moe_shared_expert_gate: true,
        moe_grouped_gemm: true,
        moe_router_load_balancing_type: 'global_aux_loss',
        moe_router_pre_softmax: false,
        moe_token_dispatcher_type: 'alltoall',
        moe_permute_fusion: true,
      },
      derive: qwen35Fields,
    },
  },
  model: 'gpt',
  rows: qwen35MoeRows('model'),
  drops: [ROTARY_BUFFERS, UNPREDICTED],
};
