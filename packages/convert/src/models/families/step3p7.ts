import { isPyMap } from '@nemotron-convert/core';
import type { DropRule, Encoder, Family, WholeModel } from '../family.js';
import { attribute, type HfConfig } from '../hf-config.js';
import { hfObject } from '../hf-object.js';
import type { Fields } from '../provider.js';
import { ROTARY_BUFFERS, within } from '../rows.js';
import { decoderTypes, STEP_ROWS, STEP_RULES, step35, stepFields } from './step3p5.js';

const LANGUAGE = 'language_model.';
const EYE = ['vision_config', 'Step37VisionConfig'] as const;

const ENCODERS: readonly Encoder[] = [
  { at: 'vision_model.', module: 'perceptionVision', config: EYE },
  { at: 'image_insert_embedding.', module: 'perceptionProjector', config: EYE },
];

const UNPREDICTED: DropRule = {
  tensors: /^model\.layers\.(?<beyond>\d+)\./,
  reason: 'Megatron-Bridge builds Step 3.7 without its multi-token prediction layers',
};

/** Python's truth of a value, or of the fallback where there is none. */
const flag = (hf: HfConfig, key: string, fallback: boolean): boolean =>
  key in hf.values ? hf.truthy(key) : fallback;

function fields(hf: HfConfig, { whole, target }: WholeModel): Fields {
  const other = hf.get('attention_other_setting');
  return {
    ...stepFields(hf),
    layer_types: decoderTypes(hf),
    qk_layernorm: flag(hf, 'use_qk_norm', true),
    share_embeddings_and_output_weights: flag(hf, 'tie_word_embeddings', false),
    attention_other_setting: isPyMap(other) ? other : {},
    vision_config: hfObject(EYE[1], target, whole.map(EYE[0]) ?? {}),
    image_token_id: attribute(whole, 'image_token_id', 128001n),
    understand_projector_stride: attribute(whole, 'understand_projector_stride', 2n),
    projector_bias: flag(whole, 'projector_bias', false),
    language_max_sequence_length: hf.get('max_position_embeddings'),
  };
}

export const step37: Family = {
  architectures: ['Step3p7ForConditionalGeneration'],
  example: 'stepfun-ai/step3p7_flash_bf16',
  text: 'text_config',
  prefix: LANGUAGE,
  defaults: step35.defaults,
  fallbacks: { share_expert_dim: 'share_expert_dims' },
  config: {
    '0.7.0': {
      ...STEP_RULES,
      provider: 'Step37ModelProvider',
      set: { ...STEP_RULES.set, position_embedding_type: 'rope' },
      encoders: ENCODERS,
      derive: fields,
    },
  },
  model: 'gpt',
  rows: [
    ...within(LANGUAGE, STEP_ROWS),
    ['vision_model.**', 'vision_model.**'],
    ['image_insert_embedding.align_projector.weight', 'vit_large_projector.weight'],
    ['image_insert_embedding.align_projector.bias', 'vit_large_projector.bias'],
  ],
  drops: [ROTARY_BUFFERS, UNPREDICTED],
  unverified:
    'Megatron-Bridge 0.7.0 stops where text_config has no attention_output_gate; the gate is then written as it does for Step 3.5',
};
