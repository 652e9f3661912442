import type { PyMap } from '@nemotron-convert/core';
import type { Family } from '../family.js';
import {
  attentionBiasRows,
  attentionRows,
  endRows,
  gatedMlpRows,
  queryKeyNormRows,
  ROTARY_BUFFERS,
} from '../rows.js';

const DEFAULTS: PyMap = {
  num_hidden_layers: 32n,
  hidden_size: 4096n,
  intermediate_size: 22016n,
  num_attention_heads: 32n,
  num_key_value_heads: 32n,
  vocab_size: 151936n,
  max_position_embeddings: 32768n,
  rms_norm_eps: 1e-6,
  initializer_range: 0.02,
  attention_dropout: 0.0,
  tie_word_embeddings: false,
  rope_theta: 10000.0,
  hidden_act: 'silu',
};

const COMMON: PyMap = {
  normalization: 'RMSNorm',
  gated_linear_unit: true,
  add_bias_linear: false,
  hidden_dropout: 0.0,
  autocast_dtype: { _call_: false, _target_: 'torch.bfloat16' },
};

export const qwen2: Family = {
  architectures: ['Qwen2ForCausalLM'],
  example: 'Qwen/Qwen2.5-7B',
  defaults: DEFAULTS,
  fallbacks: { num_key_value_heads: 'num_attention_heads' },
  config: {
    '0.3.1': {
      provider: 'GPTModelProvider',
      set: { ...COMMON, add_qkv_bias: true, position_embedding_type: 'rope' },
    },
    '0.7.0': { provider: 'GPTModelProvider', set: { ...COMMON, add_qkv_bias: true } },
  },
  model: 'gpt',
  rows: [
    ...endRows('model'),
    ...attentionRows('model.layers'),
    ...attentionBiasRows('model.layers'),
    ...gatedMlpRows('model.layers'),
  ],
  drops: [ROTARY_BUFFERS],
};

const QWEN3: PyMap = { ...COMMON, add_qkv_bias: false, qk_layernorm: true };

export const qwen3: Family = {
  architectures: ['Qwen3ForCausalLM'],
  example: 'Qwen/Qwen3-8B',
  defaults: { ...DEFAULTS, head_dim: 128n, attention_bias: false },
  fallbacks: { num_key_value_heads: 'num_attention_heads' },
  config: {
    '0.3.1': { provider: 'GPTModelProvider', set: { ...QWEN3, position_embedding_type: 'rope' } },
    '0.7.0': { provider: 'GPTModelProvider', set: QWEN3 },
  },
  model: 'gpt',
  rows: [
    ...endRows('model'),
    ...attentionRows('model.layers'),
    ...queryKeyNormRows('model.layers'),
    ...gatedMlpRows('model.layers'),
  ],
  drops: [ROTARY_BUFFERS],
};
