import { isPyMap, type PyMap } from '@nemotron-convert/core';
import type { ConfigRules, Encoder, Family } from '../family.js';
import { vocabDivisor } from '../provider.js';
import { named } from '../provider-values.js';
import { within } from '../rows.js';
import { nemotronHRows } from './nemotron-h.js';
import { isMixture, nemotronOmniNamedVl } from './nemotron-omni.js';
import { RADIO_DROPS, RADIO_ROWS } from './radio-rows.js';

const WRAPPED = 'llava_model.';
const EYE = ['vision_config', 'PretrainedConfig'] as const;

const ENCODERS: readonly Encoder[] = [
  { at: `${WRAPPED}vision_model.`, module: 'radioVision', config: EYE },
  { at: `${WRAPPED}vision_projection.encoder.`, module: 'radioProjector', config: EYE },
];

const SET: PyMap = {
  activation_func: named('megatron.core.activations.squared_relu'),
  scatter_embedding_sequence_parallel: false,
  attention_softmax_in_fp32: true,
  // Completed from params_dtype.
  autocast_dtype: null,
};

const RULES: ConfigRules = {
  provider: 'NemotronNano12Bv2VLModelProvider',
  set: SET,
  derive: (hf) => ({ make_vocab_size_divisible_by: vocabDivisor(BigInt(hf.int('vocab_size'))) }),
  encoders: ENCODERS,
};

/** Its LLaVAModel does not tell a hybrid language model that embeddings are tied. */
function refusesTied(config: PyMap): string | null {
  const llm = config['llm_config'] ?? null;
  return isPyMap(llm) && llm['tie_word_embeddings'] === true
    ? 'builds an output layer beside tied embeddings and leaves it uninitialised (tie_word_embeddings)'
    : null;
}

export const nemotronVl: Family = {
  architectures: ['NemotronH_Nano_VL_V2'],
  example: 'nvidia/NVIDIA-Nemotron-Nano-12B-v2-VL-BF16',
  text: 'llm_config',
  prefix: `${WRAPPED}language_model.`,
  defaults: { tie_word_embeddings: false },
  config: {
    '0.3.1': { ...RULES, refuses: refusesTied },
    '0.7.0': {
      ...RULES,
      provider: 'NemotronVLModelProvider',
      defaults: { rope_theta: 10000.0 },
      copy: [['hybrid_override_pattern', 'hybrid_layer_pattern']],
      set: { ...SET, position_embedding_type: 'none' },
    },
  },
  // Omni's first releases had this name.
  instead: (config) => (isMixture(config) ? nemotronOmniNamedVl : null),
  model: 'hybrid',
  rows: [
    ...within(`${WRAPPED}language_model.`, nemotronHRows('language_model.', '')),
    ...within(WRAPPED, RADIO_ROWS),
  ],
  drops: [RADIO_DROPS],
};
