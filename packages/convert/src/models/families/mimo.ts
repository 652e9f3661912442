import type { Family } from '../family.js';
import { attentionBiasLayerRows, attentionLayerRows, denseLayerRows } from '../layer-rows.js';
import { endRows, ROTARY_BUFFERS } from '../rows.js';
import { qwen2 } from './qwen.js';

const LAYER = 'decoder.layers.*';
const FROM = 'model.layers.*';
const MTP = 'mtp.layers.*.transformer_layer';
const PREDICTED = 'model.mtp_layers.*';

export const mimo: Family = {
  architectures: ['MiMoForCausalLM'],
  example: 'XiaomiMiMo/MiMo-7B-Base',
  defaults: qwen2.defaults,
  fallbacks: { num_key_value_heads: 'num_attention_heads' },
  config: {
    '0.7.0': {
      provider: 'GPTModelProvider',
      set: { ...qwen2.config['0.7.0']?.set, qk_layernorm: false, add_qkv_bias: true },
      derive: (hf) =>
        hf.truthy('num_nextn_predict_layers')
          ? { mtp_num_layers: hf.get('num_nextn_predict_layers'), mtp_loss_scaling_factor: 0.1 }
          : {},
    },
  },
  model: 'gpt',
  rows: [
    ...endRows('model'),
    ...attentionLayerRows(LAYER, FROM),
    ...attentionBiasLayerRows(LAYER, FROM),
    ...denseLayerRows(LAYER, FROM),
    ['mtp.layers.*.enorm.weight', `${PREDICTED}.token_layernorm.weight`],
    ['mtp.layers.*.hnorm.weight', `${PREDICTED}.hidden_layernorm.weight`],
    // The hidden state's columns come first here, the embedding's in Megatron.
    ['mtp.layers.*.eh_proj.weight', { swapped: [`${PREDICTED}.input_proj.weight`] }],
    ['mtp.layers.*.final_layernorm.weight', `${PREDICTED}.final_layernorm.weight`],
    ...attentionLayerRows(MTP, PREDICTED),
    ...attentionBiasLayerRows(MTP, PREDICTED),
    ...denseLayerRows(MTP, PREDICTED),
  ],
  drops: [ROTARY_BUFFERS],
};
