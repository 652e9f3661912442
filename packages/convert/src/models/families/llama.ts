import type { PyMap } from '@nemotron-convert/core';
import type { Family } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import type { Fields } from '../provider.js';
import { attentionRows, endRows, gatedMlpRows, ROTARY_BUFFERS } from '../rows.js';

const SET: PyMap = {
  normalization: 'RMSNorm',
  gated_linear_unit: true,
  hidden_dropout: 0.0,
  bias_activation_fusion: true,
  masked_softmax_fusion: true,
  persist_layer_norm: true,
  bias_dropout_fusion: true,
  apply_rope_fusion: true,
  rotary_percent: 1.0,
};

/** The frequencies of Llama 3.1; 0.7.0 knows linear interpolation too. */
function scaledRope(hf: HfConfig, interpolates: boolean): Fields {
  const scaling = hf.map('rope_scaling');
  const type = scaling?.['type'] ?? scaling?.['rope_type'];
  if (type === 'llama3') return { rope_scaling: true, rope_scaling_factor: scaling?.['factor'] ?? 8.0 };
  return interpolates && type === 'linear'
    ? { seq_len_interpolation_factor: scaling?.['factor'] ?? null }
    : {};
}

export const llama: Family = {
  architectures: ['LlamaForCausalLM'],
  example: 'meta-llama/Llama-3.1-8B',
  defaults: {
    num_hidden_layers: 32n,
    hidden_size: 4096n,
    intermediate_size: 11008n,
    num_attention_heads: 32n,
    vocab_size: 32000n,
    max_position_embeddings: 2048n,
    rms_norm_eps: 1e-6,
    initializer_range: 0.02,
    attention_dropout: 0.0,
    tie_word_embeddings: false,
    attention_bias: false,
    mlp_bias: false,
    rope_theta: 10000.0,
    hidden_act: 'silu',
  },
  fallbacks: { num_key_value_heads: 'num_attention_heads', head_dim: ['hidden_size', 'num_attention_heads'] },
  config: {
    '0.3.1': {
      provider: 'GPTModelProvider',
      set: { ...SET, position_embedding_type: 'rope' },
      derive: (hf) => scaledRope(hf, false),
    },
    '0.7.0': { provider: 'GPTModelProvider', set: SET, derive: (hf) => scaledRope(hf, true) },
  },
  model: 'gpt',
  rows: [...endRows('model'), ...attentionRows('model.layers'), ...gatedMlpRows('model.layers')],
  drops: [ROTARY_BUFFERS],
};
