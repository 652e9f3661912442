import type { Family, MappingRow } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import {
  attentionBiasLayerRows,
  attentionLayerRows,
  gateAndUp,
  queryKeyNormLayerRows,
} from '../layer-rows.js';
import type { Fields } from '../provider.js';
import { BFLOAT16, named } from '../provider-values.js';
import { endRows, ROTARY_BUFFERS } from '../rows.js';

/** A layer with norms after attention and MLP only, `to` in Megatron and `from` in the Hugging Face checkpoint. */
export function exaone4LayerRows(to: string, from: string): readonly MappingRow[] {
  return [
    ...queryKeyNormLayerRows(to, from),
    ...attentionBiasLayerRows(to, from),
    ...attentionLayerRows(to, from),
    [`${to}.self_attention.linear_proj.post_layernorm.weight`, `${from}.post_attention_layernorm.weight`],
    [`${to}.mlp.linear_fc1.weight`, gateAndUp(`${from}.mlp`)],
    [`${to}.mlp.linear_fc2.weight`, `${from}.mlp.down_proj.weight`],
    [`${to}.mlp.linear_fc2.post_layernorm.weight`, `${from}.post_feedforward_layernorm.weight`],
  ];
}

function scaling(hf: HfConfig): Fields {
  const rope = hf.map('rope_scaling');
  if (rope?.['rope_type'] !== 'llama3') return {};
  return {
    rope_scaling: true,
    rope_scaling_factor: rope['factor'] ?? 16.0,
    rope_scaling_low_freq_factor: rope['low_freq_factor'] ?? 1.0,
    rope_scaling_high_freq_factor: rope['high_freq_factor'] ?? 4.0,
    rope_scaling_original_max_position_embeddings: rope['original_max_position_embeddings'] ?? 8192n,
  };
}

export const exaone4: Family = {
  architectures: ['Exaone4ForCausalLM'],
  example: 'LGAI-EXAONE/EXAONE-4.0-1.2B',
  defaults: {
    vocab_size: 102400n,
    hidden_size: 4096n,
    intermediate_size: 16384n,
    num_hidden_layers: 32n,
    num_attention_heads: 32n,
    num_key_value_heads: 32n,
    hidden_act: 'silu',
    max_position_embeddings: 2048n,
    initializer_range: 0.02,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
    rope_theta: 10000.0,
    attention_dropout: 0.0,
  },
  config: {
    '0.7.0': {
      provider: 'GPTModelProvider',
      set: {
        normalization: 'RMSNorm',
        activation_func: named('torch.nn.functional.silu'),
        gated_linear_unit: true,
        position_embedding_type: 'rope',
        add_bias_linear: false,
        add_qkv_bias: false,
        qk_layernorm: true,
        hidden_dropout: 0.0,
        attention_dropout: 0.0,
        transformer_layer_spec: named(
          'megatron.bridge.models.exaone.exaone4.exaone4_provider.exaone4_layer_spec',
        ),
        autocast_dtype: BFLOAT16,
      },
      derive: scaling,
    },
  },
  model: 'gpt',
  // The Bridge names no origin for an untied output layer and leaves it unset; endRows has its Hugging Face name.
  rows: [...endRows('model'), ...exaone4LayerRows('decoder.layers.*', 'model.layers.*')],
  drops: [ROTARY_BUFFERS],
};
