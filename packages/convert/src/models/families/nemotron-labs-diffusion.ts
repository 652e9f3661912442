import { dirname } from 'node:path';
import { isPyMap, type PyMap, type PyValue } from '@nemotron-convert/core';
import type { Family, MappingRow, WholeModel } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import { hfNested } from '../hf-object.js';
import type { Fields } from '../provider.js';
import { remoteClassPath } from '../remote-class.js';
import { attentionRows, endRows, gatedMlpRows, ROTARY_BUFFERS } from '../rows.js';

/** The same trunk under the names that the diffusion model gives it. */
const renamed = ([to, from]: MappingRow): MappingRow =>
  from === 'lm_head.weight' ? [to, 'diffusion_head.weight'] : [to, from];

/** Positions and scaling that the provider has, whatever config.json says: its attention writes them back. */
const POSITIONS = 32768n;
const SCALING = 16.0;

/** The rotary part of the configuration as the attention leaves it. */
function written(config: PyMap): PyMap {
  const rope = config['rope_parameters'] ?? null;
  const map: PyMap = isPyMap(rope) ? rope : {};
  const scaled = map['factor'] === undefined ? map : { ...map, factor: SCALING };
  return {
    ...config,
    max_position_embeddings: POSITIONS,
    ...((map['rope_type'] ?? 'default') === 'default' ? {} : { rope_theta: map['rope_theta'] ?? null }),
    rope_parameters: scaled,
  };
}

/** The configuration object that run_config.yaml holds: its class comes with the checkpoint. */
function configObject({ whole, target, dtype, modelId }: WholeModel): PyMap {
  const map = whole.map('auto_map') ?? {};
  const named = map['AutoConfig'];
  const reference = typeof named === 'string' ? named : 'configuration.Config';
  const text = whole.map('text_config');
  const values: Record<string, PyValue> = {
    ...hfNested('PretrainedConfig', target, whole.values),
    model_type: whole.get('model_type'),
    dtype,
    _name_or_path: modelId,
  };
  const path = remoteClassPath(reference, dirname(whole.path), modelId);
  return {
    _call_: true,
    _target_: `${path}.from_dict`,
    config_dict: text === null ? written(values) : { ...values, text_config: written(text) },
  };
}

const fields = (hf: HfConfig, model: WholeModel): Fields => ({
  share_embeddings_and_output_weights: hf.truthy('tie_word_embeddings'),
  hf_config: configObject(model),
});

export const nemotronLabsDiffusion: Family = {
  architectures: ['NemotronLabsDiffusionModel'],
  example: 'nvidia/Nemotron-Labs-Diffusion-8B',
  defaults: {},
  text: 'text_config',
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
      derive: fields,
    },
  },
  model: 'gpt',
  // The model that it is trained on from has vision beside the trunk.
  spellings: [
    ['language_model.model.', 'encoder.'],
    ['language_model.lm_head.', 'diffusion_head.'],
  ],
  rows: [
    ...endRows('encoder').map(renamed),
    ...attentionRows('encoder.layers'),
    ...gatedMlpRows('encoder.layers'),
  ],
  drops: [
    ROTARY_BUFFERS,
    {
      tensors: /^(vision_tower|multi_modal_projector)\./,
      reason: 'Megatron-Bridge builds the text trunk of this architecture alone',
    },
  ],
};
