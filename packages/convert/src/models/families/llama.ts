import type { ConfigRules, Family } from '../family.js';
import { attentionRows, endRows, gatedMlpRows, ROTARY_BUFFERS } from '../rows.js';

const config: ConfigRules = {
  provider: 'GPTModelProvider',
  set: {
    normalization: 'RMSNorm',
    gated_linear_unit: true,
    position_embedding_type: 'rope',
    hidden_dropout: 0.0,
    bias_activation_fusion: true,
    masked_softmax_fusion: true,
    persist_layer_norm: true,
    bias_dropout_fusion: true,
    apply_rope_fusion: true,
    rotary_percent: 1.0,
  },
  derive: (hf) => {
    const scaling = hf.map('rope_scaling');
    if ((scaling?.['rope_type'] ?? scaling?.['type']) !== 'llama3') return {};
    return { rope_scaling: true, rope_scaling_factor: scaling?.['factor'] ?? 8.0 };
  },
};

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
  config: { '0.3.1': config, '0.7.0': config },
  model: 'gpt',
  rows: [...endRows('model'), ...attentionRows('model.layers'), ...gatedMlpRows('model.layers')],
  drops: [ROTARY_BUFFERS],
};
