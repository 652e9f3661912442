import { isPyMap } from '@nemotron-convert/core';
import type { ConfigRules, Encoder, Family, WholeModel } from '../family.js';
import { attribute, type HfConfig } from '../hf-config.js';
import { hfObject, hfPart } from '../hf-object.js';
import { classDefaults, type Fields } from '../provider.js';
import { BFLOAT16 } from '../provider-values.js';
import { ROTARY_BUFFERS, within } from '../rows.js';
import { GEMMA3_DEFAULTS, gemma3Fields, gemma3Rows } from './gemma.js';

const LANGUAGE = 'language_model.';
const PROVIDER = 'Gemma3VLModelProvider';
const EYE = ['vision_config', 'SiglipVisionConfig'] as const;
const PROJECTOR: Encoder = { at: 'multi_modal_projector.', module: 'gemma3Projector', config: EYE };

function fields(hf: HfConfig, { whole, target }: WholeModel): Fields {
  const released = target === '0.3.1';
  const vision = whole.map(EYE[0]) ?? {};
  const projector = classDefaults(PROVIDER, target)['vision_projector_config'] ?? null;
  return {
    ...gemma3Fields(hf, target),
    autocast_dtype: BFLOAT16,
    make_vocab_size_divisible_by: 128n,
    vision_config: hfObject(EYE[1], target, vision, released ? {} : { vision_use_head: false }),
    vision_projector_config: {
      ...(isPyMap(projector) ? projector : {}),
      input_size: hfPart(whole, ...EYE, target).get('hidden_size'),
      hidden_size: hf.get('hidden_size'),
    },
    mm_tokens_per_image: attribute(whole, 'mm_tokens_per_image', 256n),
    // Configurations of transformers 4 have these attributes, null where config.json has none.
    bos_token_id: attribute(whole, 'bos_token_id', released ? null : 0n),
    eos_token_id: attribute(whole, 'eos_token_id', released ? null : 1n),
    vision_start_token_id: attribute(whole, 'vision_start_token_id', 255999n),
    vision_end_token_id: attribute(whole, 'vision_end_token_id', 256000n),
    image_token_id: whole.get('image_token_id') ?? attribute(whole, 'image_token_index', 262144n),
  };
}

const SHARED: ConfigRules = { provider: PROVIDER, derive: fields };

export const gemma3Vl: Family = {
  architectures: ['Gemma3ForConditionalGeneration'],
  example: 'google/gemma-3-4b-it',
  text: 'text_config',
  prefix: LANGUAGE,
  defaults: GEMMA3_DEFAULTS,
  config: {
    '0.3.1': {
      ...SHARED,
      encoders: [{ at: 'vision_tower.vision_model.', module: 'siglipVision', config: EYE }, PROJECTOR],
    },
    '0.7.0': {
      ...SHARED,
      encoders: [{ at: 'vision_tower.', module: 'siglipVisionHeadless', config: EYE }, PROJECTOR],
    },
  },
  model: 'gpt',
  spellings: [
    ['model.language_model.', 'language_model.model.'],
    ['model.vision_tower.', 'vision_tower.'],
    ['model.multi_modal_projector.', 'multi_modal_projector.'],
    ['language_model.lm_head.', 'lm_head.'],
  ],
  rows: [
    ...within(LANGUAGE, gemma3Rows('language_model.model')),
    ['multi_modal_projector.mm_soft_embed_norm.weight', 'multi_modal_projector.mm_soft_emb_norm.weight'],
    [
      'multi_modal_projector.proj.weight',
      { transposed: ['multi_modal_projector.mm_input_projection_weight'] },
    ],
    ['vision_tower.vision_model.**', 'vision_tower.vision_model.**'],
    ['vision_tower.**', { oneOf: ['vision_tower.**', 'vision_tower.vision_model.**'] }],
  ],
  drops: [
    ROTARY_BUFFERS,
    {
      tensors: /^vision_tower\.(vision_model\.)?head\./,
      reason: 'the Bridge builds the vision model without its pooling head',
      targets: ['0.7.0'],
    },
  ],
};
