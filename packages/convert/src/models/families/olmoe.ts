import type { PyMap } from '@nemotron-convert/core';
import type { ConfigRules, Family } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import type { Fields } from '../provider.js';
import { attentionRows, endRows, expertRows, queryKeyNormRows, ROTARY_BUFFERS } from '../rows.js';

const SET: PyMap = {
  transformer_layer_spec: {
    _call_: false,
    _target_: 'megatron.bridge.models.olmoe.olmoe_provider.olmoe_layer_spec',
  },
  normalization: 'RMSNorm',
  gated_linear_unit: true,
  add_bias_linear: false,
  hidden_dropout: 0.0,
  share_embeddings_and_output_weights: false,
  qk_layernorm: true,
  persist_layer_norm: true,
  autocast_dtype: { _call_: false, _target_: 'torch.bfloat16' },
  moe_token_dispatcher_type: 'alltoall',
  moe_router_load_balancing_type: 'seq_aux_loss',
  moe_router_pre_softmax: true,
  moe_grouped_gemm: true,
  moe_router_score_function: 'softmax',
  moe_permute_fusion: true,
  moe_router_dtype: 'fp32',
};

const derive = (hf: HfConfig): Fields => ({
  kv_channels: hf.truthy('head_dim') ? hf.get('head_dim') : hf.quotient('hidden_size', 'num_attention_heads'),
  moe_ffn_hidden_size: hf.get('intermediate_size'),
  moe_aux_loss_coeff: hf.get('router_aux_loss_coef'),
});

const RULES: ConfigRules = { provider: 'GPTModelProvider', set: SET, derive };
const LAYERS = 'model.layers';

export const olmoe: Family = {
  architectures: ['OlmoeForCausalLM'],
  example: 'allenai/OLMoE-1B-7B-0924',
  defaults: {
    vocab_size: 50304n,
    hidden_size: 2048n,
    intermediate_size: 2048n,
    num_hidden_layers: 16n,
    num_attention_heads: 16n,
    hidden_act: 'silu',
    max_position_embeddings: 4096n,
    initializer_range: 0.02,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
    rope_theta: 10000.0,
    attention_bias: false,
    attention_dropout: 0.0,
    num_experts_per_tok: 8n,
    num_experts: 64n,
    router_aux_loss_coef: 0.01,
  },
  fallbacks: { num_key_value_heads: 'num_attention_heads' },
  config: {
    '0.3.1': { ...RULES, set: { ...SET, position_embedding_type: 'rope' } },
    '0.7.0': RULES,
  },
  model: 'gpt',
  rows: [...endRows('model'), ...attentionRows(LAYERS), ...queryKeyNormRows(LAYERS), ...expertRows(LAYERS)],
  drops: [ROTARY_BUFFERS],
};
