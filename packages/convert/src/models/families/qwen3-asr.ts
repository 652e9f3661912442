import type { PyMap } from '@nemotron-convert/core';
import type { Family, WholeModel } from '../family.js';
import { attribute, type HfConfig } from '../hf-config.js';
import { hfNested } from '../hf-object.js';
import { type Fields, vocabDivisor } from '../provider.js';
import { attentionRows, endRows, gatedMlpRows, queryKeyNormRows, ROTARY_BUFFERS, within } from '../rows.js';

const LANGUAGE = 'thinker.language_model.';
const ROOT = 'thinker.model';
const THINKER = 'Qwen3ASRThinkerConfig';
const TEXT = 'Qwen3ASRTextConfig';
const EAR = 'Qwen3ASRAudioEncoderConfig';

/** The Bridge's own configuration class, which it prints as a map of all its values. */
function thinkerConfig(hf: HfConfig, thinker: HfConfig, { target }: WholeModel): Fields {
  const nested = (hfClass: string, key: string, set: PyMap): PyMap => {
    const { transformers_version: _, ...values } = hfNested(hfClass, target, thinker.map(key) ?? {});
    return { ...values, ...UNNAMED, ...set };
  };
  const text_config = nested(TEXT, 'text_config', { rope_theta: hf.get('rope_theta') });
  const ear = nested(EAR, 'audio_config', {});
  return {
    _target_: `megatron.bridge.models.qwen3_asr.hf_qwen3_asr.configuration_qwen3_asr.${THINKER}`,
    ...hfNested(THINKER, target, thinker.values),
    ...UNNAMED,
    text_config,
    audio_config: { ...ear, num_hidden_layers: ear['encoder_layers'] ?? null },
  };
}

const UNNAMED: PyMap = { _name_or_path: '' };

function fields(hf: HfConfig, model: WholeModel): Fields {
  const thinker = model.whole.part('thinker_config');
  return {
    make_vocab_size_divisible_by: vocabDivisor(BigInt(hf.int('vocab_size'))),
    mrope_section: hf.map('rope_scaling')?.['mrope_section'] ?? [24n, 20n, 20n],
    audio_token_id: attribute(thinker, 'audio_token_id', 151646n),
    audio_start_token_id: attribute(thinker, 'audio_start_token_id', 151647n),
    thinker_config: thinkerConfig(hf, thinker, model),
  };
}

export const qwen3Asr: Family = {
  architectures: ['Qwen3ASRForConditionalGeneration'],
  example: 'Qwen/Qwen3-ASR-1.7B',
  text: 'thinker_config.text_config',
  textClass: TEXT,
  prefix: LANGUAGE,
  defaults: {},
  config: {
    '0.7.0': {
      provider: 'Qwen3ASRModelProvider',
      copyOnly: true,
      copy: [
        ['num_hidden_layers', 'num_layers'],
        ['hidden_size', 'hidden_size'],
        ['intermediate_size', 'ffn_hidden_size'],
        ['num_attention_heads', 'num_attention_heads'],
        ['num_key_value_heads', 'num_query_groups'],
        ['head_dim', 'kv_channels'],
        ['initializer_range', 'init_method_std'],
        ['rms_norm_eps', 'layernorm_epsilon'],
        ['rope_theta', 'rotary_base'],
        ['tie_word_embeddings', 'share_embeddings_and_output_weights'],
        ['vocab_size', 'vocab_size'],
        ['max_position_embeddings', 'seq_length'],
      ],
      set: { gated_linear_unit: true, add_qkv_bias: false, add_bias_linear: false, qk_layernorm: true },
      derive: fields,
      encoders: [
        {
          at: 'thinker.audio_model.',
          module: 'qwen3OmniAudio',
          config: ['thinker_config.audio_config', EAR],
        },
      ],
    },
  },
  model: 'gpt',
  rows: [
    ...within(LANGUAGE, [
      ...endRows(ROOT, 'thinker.lm_head'),
      ...attentionRows(`${ROOT}.layers`),
      ...queryKeyNormRows(`${ROOT}.layers`),
      ...gatedMlpRows(`${ROOT}.layers`),
    ]),
    ['thinker.audio_model.**', 'thinker.audio_tower.**'],
  ],
  drops: [ROTARY_BUFFERS],
};
