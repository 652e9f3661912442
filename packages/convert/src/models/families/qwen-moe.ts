import type { PyMap } from '@nemotron-convert/core';
import type { ConfigRules, Family } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import { gatedMixtureLayerRows } from '../layer-rows.js';
import type { Fields } from '../provider.js';
import {
  attentionBiasRows,
  attentionRows,
  endRows,
  expertRows,
  queryKeyNormRows,
  ROTARY_BUFFERS,
} from '../rows.js';

const LAYERS = 'model.layers';
const ROPE: PyMap = { position_embedding_type: 'rope' };

const DEFAULTS: PyMap = {
  vocab_size: 151936n,
  hidden_size: 2048n,
  num_hidden_layers: 24n,
  hidden_act: 'silu',
  max_position_embeddings: 32768n,
  initializer_range: 0.02,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: false,
  rope_theta: 10000.0,
  attention_dropout: 0.0,
  norm_topk_prob: false,
  router_aux_loss_coef: 0.001,
};

const COMMON: PyMap = {
  normalization: 'RMSNorm',
  gated_linear_unit: true,
  add_bias_linear: false,
  hidden_dropout: 0.0,
  autocast_dtype: { _call_: false, _target_: 'torch.bfloat16' },
  moe_grouped_gemm: true,
  moe_token_dispatcher_type: 'alltoall',
  moe_permute_fusion: true,
};

const QWEN3: PyMap = {
  ...COMMON,
  add_qkv_bias: false,
  qk_layernorm: true,
  moe_router_load_balancing_type: 'aux_loss',
  moe_aux_loss_coeff: 0.001,
};

export const qwen3Moe: Family = {
  architectures: ['Qwen3MoeForCausalLM'],
  example: 'Qwen/Qwen3-235B-A22B',
  defaults: {
    ...DEFAULTS,
    intermediate_size: 6144n,
    num_attention_heads: 32n,
    num_key_value_heads: 4n,
    attention_bias: false,
    moe_intermediate_size: 768n,
    num_experts_per_tok: 8n,
  },
  // transformers 5 writes the number of experts under this name.
  fallbacks: { num_experts: 'num_local_experts' },
  config: {
    '0.3.1': {
      provider: 'GPTModelProvider',
      defaults: { num_experts: 128n },
      set: { ...QWEN3, ...ROPE, moe_router_pre_softmax: false },
    },
    '0.7.0': {
      provider: 'GPTModelProvider',
      defaults: { num_local_experts: 128n },
      set: QWEN3,
      derive: (hf) => ({ moe_router_pre_softmax: !hf.truthy('norm_topk_prob') }),
    },
  },
  model: 'gpt',
  rows: [...endRows('model'), ...attentionRows(LAYERS), ...queryKeyNormRows(LAYERS), ...expertRows(LAYERS)],
  drops: [ROTARY_BUFFERS],
};

const QWEN2: ConfigRules = {
  provider: 'GPTModelProvider',
  set: {
    ...COMMON,
    ...ROPE,
    add_qkv_bias: true,
    moe_router_load_balancing_type: 'none',
    moe_router_pre_softmax: true,
    moe_shared_expert_gate: true,
  },
  derive: (hf: HfConfig): Fields => ({
    moe_aux_loss_coeff: hf.get('router_aux_loss_coef'),
    moe_shared_expert_intermediate_size: hf.get('shared_expert_intermediate_size'),
  }),
};

export const qwen2Moe: Family = {
  architectures: ['Qwen2MoeForCausalLM'],
  example: 'Qwen/Qwen1.5-MoE-A2.7B',
  defaults: {
    ...DEFAULTS,
    intermediate_size: 5632n,
    num_attention_heads: 16n,
    num_key_value_heads: 16n,
    moe_intermediate_size: 1408n,
    shared_expert_intermediate_size: 5632n,
    num_experts_per_tok: 4n,
    num_experts: 60n,
  },
  config: { '0.3.1': QWEN2, '0.7.0': QWEN2 },
  beyondBridge:
    'no Megatron-Bridge registers it: the rules are those of the Qwen mixtures that it does register',
  model: 'gpt',
  rows: [
    ...endRows('model'),
    ...attentionRows(LAYERS),
    ...attentionBiasRows(LAYERS),
    ...gatedMixtureLayerRows('decoder.layers.*', `${LAYERS}.*`),
  ],
  drops: [ROTARY_BUFFERS],
};
