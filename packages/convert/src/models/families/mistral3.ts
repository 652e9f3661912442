import { isPyMap, type PyMap } from '@nemotron-convert/core';
import type { ConfigRules, Encoder, Family, WholeModel } from '../family.js';
import { type HfConfig, show } from '../hf-config.js';
import { hfNested, hfObject } from '../hf-object.js';
import { dtypeFields, type Fields } from '../provider.js';
import { attentionRows, endRows, gatedMlpRows, ROTARY_BUFFERS, within } from '../rows.js';
import type { Target } from '../target.js';

const LANGUAGE = 'language_model.';
const ROOT = 'language_model.model';
const EYE = ['vision_config', 'PixtralVisionConfig'] as const;

/** Configuration classes of the language model by its `model_type`, where a version has them. */
const TEXT_CLASSES: Readonly<Record<Target, Readonly<Record<string, string>>>> = {
  '0.3.1': { mistral: 'MistralConfig' },
  '0.7.0': { mistral: 'MistralConfig', ministral3: 'Ministral3Config' },
};

const textPart = (config: PyMap): PyMap => {
  const part = config['text_config'];
  return isPyMap(part) ? part : {};
};
const textType = (config: PyMap): string => {
  const type = textPart(config)['model_type'] ?? 'mistral';
  return typeof type === 'string' ? type : show(type);
};
const textClass = (config: PyMap, target: Target): string => TEXT_CLASSES[target][textType(config)] as string;

/** The Bridge reads Ministral 3's scaling of queries whatever the model; transformers 4 does not rename its map. */
function refuses(target: Target): NonNullable<ConfigRules['refuses']> {
  const maps = target === '0.3.1' ? ['rope_parameters'] : ['rope_parameters', 'rope_scaling'];
  return (config) => {
    const text = textPart(config);
    if (!Object.hasOwn(TEXT_CLASSES[target], textType(config)))
      return `knows no text_config of type ${textType(config)}`;
    const rope = maps.map((key) => text[key]).find(isPyMap);
    if (rope?.['llama_4_scaling_beta'] === undefined)
      return 'builds only models whose text_config.rope_parameters has llama_4_scaling_beta';
    return null;
  };
}

function wholeConfig({ whole, target, modelId }: WholeModel): PyMap {
  const text = textPart(whole.values);
  return hfObject('Mistral3Config', target, whole.values, {
    text_config: hfNested(textClass(whole.values, target), target, text),
    vision_config: hfNested(EYE[1], target, whole.map(EYE[0]) ?? {}),
    ...(target === '0.3.1'
      ? { _name_or_path: modelId }
      : { tie_word_embeddings: text['tie_word_embeddings'] ?? false }),
  });
}

function fields(hf: HfConfig, model: WholeModel): Fields {
  const { whole, target, dtype } = model;
  const rope = hf.map('rope_parameters') ?? {};
  const shared = { rotary_base: rope['rope_theta'] ?? null, hf_config: wholeConfig(model) };
  if (target === '0.3.1') return shared;
  return {
    ...shared,
    ...dtypeFields(dtype),
    image_token_id: whole.get('image_token_index') ?? whole.get('image_token_id') ?? 10n,
  };
}

/** All that 0.3.1 reads: the widths of attention are the class's. */
const COPY = [
  ['hidden_size', 'hidden_size'],
  ['intermediate_size', 'ffn_hidden_size'],
  ['num_hidden_layers', 'num_layers'],
  ['tie_word_embeddings', 'share_embeddings_and_output_weights'],
  ['vocab_size', 'vocab_size'],
] as const;

const ENCODERS: readonly Encoder[] = [
  { at: 'vision_tower.', module: 'pixtralVision', config: EYE },
  { at: 'multi_modal_projector.', module: 'mistral3Projector', config: EYE },
];

const RULES = { provider: 'Ministral3ModelProvider', copyOnly: true, derive: fields, encoders: ENCODERS };

export const mistral3: Family = {
  architectures: ['Mistral3ForConditionalGeneration'],
  example: 'mistralai/Ministral-3-8B-Base-2512',
  text: 'text_config',
  textClass,
  prefix: LANGUAGE,
  defaults: {},
  config: {
    '0.3.1': { ...RULES, copy: COPY, refuses: refuses('0.3.1') },
    '0.7.0': {
      ...RULES,
      copy: [
        ...COPY,
        ['num_attention_heads', 'num_attention_heads'],
        ['num_key_value_heads', 'num_query_groups'],
        ['head_dim', 'kv_channels'],
        ['max_position_embeddings', 'seq_length'],
      ],
      refuses: refuses('0.7.0'),
    },
  },
  model: 'gpt',
  spellings: [
    ['model.language_model.', 'language_model.model.'],
    ['model.vision_tower.', 'vision_tower.'],
    ['model.multi_modal_projector.', 'multi_modal_projector.'],
    ['lm_head.', 'language_model.lm_head.'],
  ],
  rows: [
    ...within(LANGUAGE, [
      ...endRows(ROOT, 'language_model.lm_head'),
      ...attentionRows(`${ROOT}.layers`),
      ...gatedMlpRows(`${ROOT}.layers`),
    ]),
    ['vision_tower.**', 'vision_tower.**'],
    ['multi_modal_projector.**', 'multi_modal_projector.**'],
  ],
  drops: [ROTARY_BUFFERS],
};
