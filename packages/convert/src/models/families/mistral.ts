import { isPyMap, type PyMap } from '@nemotron-convert/core';
import type { ConfigRules, Family } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import { vocabDivisor } from '../provider.js';
import { attentionRows, endRows, gatedMlpRows, ROTARY_BUFFERS } from '../rows.js';

/** The window is recorded as [tokens to the left, 0]; 0.7.0 leaves the token itself out of the count. */
const windowed = (hf: HfConfig, without: bigint) => ({
  window_size: hf.has('sliding_window') ? [BigInt(hf.int('sliding_window')) - without, 0n] : null,
  cp_comm_type: hf.has('sliding_window') ? 'a2a' : null,
  make_vocab_size_divisible_by: vocabDivisor(BigInt(hf.int('vocab_size'))),
  kv_channels: hf.get('head_dim'),
});

/**
 * Both versions pass YaRN's factor on under a name that their own provider refuses; 0.3.1 reads `rope_scaling` alone. The
 * first of `maps` that is there counts, and says its kind under one of `keys`.
 */
const withYarn = (maps: readonly string[], keys: readonly string[]) => {
  return (config: PyMap): string | null => {
    const rope = maps.map((name) => config[name] ?? null).find(isPyMap) ?? {};
    return keys.some((key) => rope[key] === 'yarn') ? 'builds no Mistral with YaRN (rope_scaling)' : null;
  };
};

const config: ConfigRules = {
  provider: 'MistralModelProvider',
  copyOnly: true,
  copy: [
    ['num_hidden_layers', 'num_layers'],
    ['hidden_size', 'hidden_size'],
    ['intermediate_size', 'ffn_hidden_size'],
    ['num_attention_heads', 'num_attention_heads'],
    ['initializer_range', 'init_method_std'],
    ['rms_norm_eps', 'layernorm_epsilon'],
    ['num_key_value_heads', 'num_query_groups'],
    ['max_position_embeddings', 'seq_length'],
    ['rope_theta', 'rotary_base'],
    ['tie_word_embeddings', 'share_embeddings_and_output_weights'],
    ['vocab_size', 'vocab_size'],
  ],
  set: { gated_linear_unit: true },
};

export const mistral: Family = {
  architectures: ['MistralForCausalLM'],
  example: 'mistralai/Mistral-7B-v0.3',
  defaults: {
    num_hidden_layers: 32n,
    hidden_size: 4096n,
    intermediate_size: 14336n,
    num_attention_heads: 32n,
    num_key_value_heads: 8n,
    vocab_size: 32000n,
    max_position_embeddings: 131072n,
    rms_norm_eps: 1e-6,
    initializer_range: 0.02,
    tie_word_embeddings: false,
    rope_theta: 10000.0,
    sliding_window: 4096n,
    hidden_act: 'silu',
  },
  fallbacks: { num_key_value_heads: 'num_attention_heads' },
  config: {
    '0.3.1': {
      ...config,
      refuses: withYarn(['rope_scaling'], ['rope_type']),
      derive: (hf) => windowed(hf, 0n),
    },
    '0.7.0': {
      ...config,
      refuses: withYarn(['rope_scaling', 'rope_parameters'], ['rope_type', 'type']),
      derive: (hf) => windowed(hf, 1n),
    },
  },
  model: 'gpt',
  rows: [...endRows('model'), ...attentionRows('model.layers'), ...gatedMlpRows('model.layers')],
  drops: [ROTARY_BUFFERS],
};
