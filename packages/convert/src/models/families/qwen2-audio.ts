import type { PyMap } from '@nemotron-convert/core';
import type { Family, WholeModel } from '../family.js';
import { attribute, type HfConfig } from '../hf-config.js';
import { hfNested, hfObject } from '../hf-object.js';
import type { Fields } from '../provider.js';
import { attentionBiasRows, attentionRows, endRows, gatedMlpRows, ROTARY_BUFFERS, within } from '../rows.js';

const LANGUAGE = 'language_model.';
const ROOT = 'language_model.model';
const TEXT = 'Qwen2Config';
const EAR = ['audio_config', 'Qwen2AudioEncoderConfig'] as const;

function wholeConfig({ whole, target }: WholeModel): PyMap {
  return hfObject('Qwen2AudioConfig', target, whole.values, {
    text_config: hfNested(TEXT, target, whole.map('text_config') ?? {}),
    audio_config: hfNested(EAR[1], target, whole.map(EAR[0]) ?? {}),
  });
}

function fields(_: HfConfig, model: WholeModel): Fields {
  const { whole } = model;
  return {
    hf_config: wholeConfig(model),
    audio_token_id: whole.get('audio_token_index') ?? whole.get('audio_token_id') ?? 151646n,
    bos_token_id: attribute(whole, 'bos_token_id', 151643n),
    eos_token_id: attribute(whole, 'eos_token_id', 151645n),
    pad_token_id: attribute(whole, 'pad_token_id', 151643n),
  };
}

export const qwen2Audio: Family = {
  architectures: ['Qwen2AudioForConditionalGeneration'],
  example: 'Qwen/Qwen2-Audio-7B-Instruct',
  text: 'text_config',
  textClass: TEXT,
  prefix: LANGUAGE,
  defaults: {},
  config: {
    '0.7.0': {
      provider: 'Qwen2AudioModelProvider',
      set: {
        normalization: 'RMSNorm',
        position_embedding_type: 'rope',
        gated_linear_unit: true,
        add_qkv_bias: true,
        add_bias_linear: false,
        hidden_dropout: 0.0,
        gradient_accumulation_fusion: false,
      },
      derive: fields,
      encoders: [
        { at: 'audio_tower.', module: 'qwen2Audio', config: EAR },
        { at: 'multi_modal_projector.', module: 'qwen2AudioProjector', config: EAR },
      ],
    },
  },
  model: 'gpt',
  spellings: [['language_model.model.model.', 'language_model.model.']],
  rows: [
    ...within(LANGUAGE, [
      ...endRows(ROOT, 'language_model.lm_head'),
      ...attentionRows(`${ROOT}.layers`),
      ...attentionBiasRows(`${ROOT}.layers`),
      ...gatedMlpRows(`${ROOT}.layers`),
    ]),
    ['audio_tower.**', 'audio_tower.**'],
    ['multi_modal_projector.**', 'multi_modal_projector.**'],
  ],
  drops: [ROTARY_BUFFERS],
};
