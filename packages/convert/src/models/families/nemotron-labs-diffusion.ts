import type { Family, MappingRow } from '../family.js';
import { attentionRows, endRows, gatedMlpRows, ROTARY_BUFFERS } from '../rows.js';

/** The same trunk under the names that the diffusion model gives it. */
const renamed = ([to, from]: MappingRow): MappingRow =>
  from === 'lm_head.weight' ? [to, 'diffusion_head.weight'] : [to, from];

export const nemotronLabsDiffusion: Family = {
  architectures: ['NemotronLabsDiffusionModel'],
  example: 'nvidia/Nemotron-Labs-Diffusion',
  defaults: {},
  config: {
    '0.7.0': {
      provider: 'NemotronLabsDiffusionModelProvider',
      copyOnly: true,
      copy: [
        ['hidden_size', 'hidden_size'],
        ['intermediate_size', 'ffn_hidden_size'],
        ['num_hidden_layers', 'num_layers'],
        ['rope_parameters.rope_theta', 'rotary_base'],
        ['vocab_size', 'vocab_size'],
      ],
      derive: (hf) => ({ share_embeddings_and_output_weights: hf.truthy('tie_word_embeddings') }),
    },
  },
  model: 'gpt',
  rows: [
    ...endRows('encoder').map(renamed),
    ...attentionRows('encoder.layers'),
    ...gatedMlpRows('encoder.layers'),
  ],
  drops: [ROTARY_BUFFERS],
};
