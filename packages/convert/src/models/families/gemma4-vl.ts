import { isPyMap, type PyMap } from '@nemotron-convert/core';
import type { ConfigRules, Encoder, Family, MappingRow, WholeModel } from '../family.js';
import { attribute } from '../hf-config.js';
import { hfObject } from '../hf-object.js';
import type { Fields } from '../provider.js';
import { ROTARY_BUFFERS, renamed, within } from '../rows.js';
import { GEMMA4_DENSE, gemma4 } from './gemma4.js';

const LANGUAGE = 'language_model.';
const EYE = ['vision_config', 'Gemma4VisionConfig'] as const;
const EAR = ['audio_config', 'Gemma4AudioConfig'] as const;

const ENCODERS: readonly Encoder[] = [
  { at: 'vision_tower.', module: 'gemma4Vision', config: EYE },
  { at: 'embed_vision.', module: 'gemma4Embedder', config: EYE },
  { at: 'audio_tower.', module: 'gemma4Audio', config: EAR, optional: true },
  { at: 'embed_audio.', module: 'gemma4AudioEmbedder', config: EAR, optional: true },
];

const TOKENS = {
  vision_soft_tokens_per_image: 280n,
  bos_token_id: 2n,
  eos_token_id: 1n,
  image_token_id: 258880n,
  video_token_id: 258884n,
  audio_token_id: 258881n,
};

function parts({ whole, target }: WholeModel): Fields {
  return {
    ...Object.fromEntries(Object.entries(TOKENS).map(([key, id]) => [key, attribute(whole, key, id)])),
    vision_config: hfObject(EYE[1], target, whole.map(EYE[0]) ?? {}),
    ...(whole.has(EAR[0]) ? { audio_config: hfObject(EAR[1], target, whole.map(EAR[0]) ?? {}) } : {}),
    text_config: hfObject('Gemma4TextConfig', target, whole.map('text_config') ?? {}),
  };
}

const textPart = (config: PyMap): PyMap => {
  const part = config['text_config'] ?? null;
  return isPyMap(part) ? part : {};
};

/** Gemma 4's rows inside a larger model on both sides. */
const inside = (rows: readonly MappingRow[]): readonly MappingRow[] =>
  within(LANGUAGE, renamed(rows, 'model.', 'model.language_model.'));

/** The text model's rules with the encoder's fields. */
function withVision(rules: ConfigRules, provider: string): ConfigRules {
  const { refuses } = rules;
  return {
    ...rules,
    provider,
    rows: inside(rules.rows ?? []),
    encoders: ENCODERS,
    derive: (hf, model) => ({ ...rules.derive?.(hf, model), ...parts(model) }),
    ...(refuses === undefined ? {} : { refuses: (config) => refuses(textPart(config)) }),
  };
}

// The Bridge copies every field of the text model's class over those of this one.
const DENSE = withVision(
  { ...GEMMA4_DENSE, set: { ...GEMMA4_DENSE.set, scatter_embedding_sequence_parallel: true } },
  'Gemma4DenseVLProvider',
);
const { instead: _, ...mixture } = gemma4.config['0.7.0'] as ConfigRules;

export const gemma4Vl: Family = {
  architectures: ['Gemma4ForConditionalGeneration'],
  example: 'google/gemma-4-26B-A4B-it',
  text: 'text_config',
  prefix: LANGUAGE,
  defaults: gemma4.defaults,
  config: {
    '0.7.0': {
      ...withVision(mixture, 'Gemma4VLModelProvider'),
      instead: (config) => (textPart(config)['enable_moe_block'] === true ? null : DENSE),
    },
  },
  model: 'gemma4',
  rows: [
    ...inside(gemma4.rows),
    ['vision_tower.**', 'model.vision_tower.**'],
    ['embed_vision.**', 'model.embed_vision.**'],
    ['audio_tower.**', 'model.audio_tower.**'],
    ['embed_audio.**', 'model.embed_audio.**'],
  ],
  drops: [ROTARY_BUFFERS],
};
