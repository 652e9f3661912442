import type { PyMap } from '@nemotron-convert/core';
import type { ConfigRules, Family } from '../family.js';
import { attentionRows, endRows, ROTARY_BUFFERS } from '../rows.js';

const SET: PyMap = {
  normalization: 'LayerNorm',
  add_bias_linear: false,
  hidden_dropout: 0.0,
  attention_dropout: 0.0,
  masked_softmax_fusion: true,
  persist_layer_norm: true,
  bias_dropout_add_fusion: false,
  layernorm_zero_centered_gamma: true,
  cross_entropy_loss_fusion: true,
  apply_rope_fusion: true,
};

const activation = (name: string): PyMap => ({ _call_: false, _target_: name });

const RULES: ConfigRules = {
  provider: 'GPTModelProvider',
  copy: [['norm_eps', 'layernorm_epsilon']],
  set: SET,
};

const LAYERS = 'model.layers';
const MLP = `${LAYERS}.*.mlp`;

export const nemotron: Family = {
  architectures: ['NemotronForCausalLM'],
  example: 'nvidia/Minitron-8B-Base',
  defaults: {
    vocab_size: 256000n,
    hidden_size: 6144n,
    intermediate_size: 24576n,
    num_hidden_layers: 32n,
    num_attention_heads: 48n,
    num_key_value_heads: null,
    hidden_act: 'relu2',
    max_position_embeddings: 4096n,
    initializer_range: 0.0134,
    norm_eps: 1e-5,
    tie_word_embeddings: false,
    rope_theta: 10000.0,
    partial_rotary_factor: 0.5,
    attention_bias: false,
    attention_dropout: 0.0,
    mlp_bias: false,
  },
  fallbacks: { head_dim: ['hidden_size', 'num_attention_heads'] },
  config: {
    '0.3.1': {
      ...RULES,
      set: {
        ...SET,
        position_embedding_type: 'rope',
        activation_func: activation('megatron.bridge.models.nemotron.nemotron_bridge.squared_relu'),
      },
    },
    '0.7.0': {
      ...RULES,
      set: { ...SET, activation_func: activation('megatron.core.activations.squared_relu') },
    },
  },
  model: 'gpt',
  rows: [
    ...endRows('model'),
    ...attentionRows(LAYERS),
    ['decoder.final_layernorm.bias', 'model.norm.bias'],
    ['decoder.layers.*.self_attention.linear_qkv.layer_norm_bias', `${LAYERS}.*.input_layernorm.bias`],
    ['decoder.layers.*.mlp.linear_fc1.layer_norm_weight', `${LAYERS}.*.post_attention_layernorm.weight`],
    ['decoder.layers.*.mlp.linear_fc1.layer_norm_bias', `${LAYERS}.*.post_attention_layernorm.bias`],
    ['decoder.layers.*.mlp.linear_fc1.weight', `${MLP}.up_proj.weight`],
    ['decoder.layers.*.mlp.linear_fc2.weight', `${MLP}.down_proj.weight`],
  ],
  drops: [ROTARY_BUFFERS],
};
