import type { PyMap, PyValue } from '@nemotron-convert/core';
import type { Encoder, Family, MappingRow, WholeModel } from '../family.js';
import { attribute, type HfConfig } from '../hf-config.js';
import { hfObject } from '../hf-object.js';
import { type Fields, vocabDivisor } from '../provider.js';
import { BFLOAT16, named } from '../provider-values.js';
import {
  attentionBiasRows,
  attentionRows,
  endRows,
  expertRows,
  gatedMlpRows,
  queryKeyNormRows,
  ROTARY_BUFFERS,
  within,
} from '../rows.js';

const LANGUAGE = 'thinker.language_model.';
const ROOT = 'thinker.model';

/** Only the thinker becomes a Megatron model; it reads images and sounds and writes text. */
const SPEAKER = {
  tensors: /^(talker|token2wav|code2wav)\./,
  reason: 'the Bridge converts the thinker; what speaks is left out',
};

const COPY = [
  ['num_hidden_layers', 'num_layers'],
  ['hidden_size', 'hidden_size'],
  ['intermediate_size', 'ffn_hidden_size'],
  ['num_attention_heads', 'num_attention_heads'],
  ['num_key_value_heads', 'num_query_groups'],
  ['initializer_range', 'init_method_std'],
  ['rms_norm_eps', 'layernorm_epsilon'],
  ['vocab_size', 'vocab_size'],
  ['max_position_embeddings', 'seq_length'],
] as const;

const thinker = ({ whole }: WholeModel): HfConfig => whole.part('thinker_config');

function part(whole: HfConfig, key: string): PyMap {
  return whole.map(key) ?? {};
}

/** Rotary parameters' share of an image's axes. The Bridge looks for the base where transformers 5 has none. */
function shared(hf: HfConfig, model: WholeModel, sections: readonly bigint[], end: PyValue): Fields {
  const own = thinker(model);
  return {
    make_vocab_size_divisible_by: vocabDivisor(BigInt(hf.int('vocab_size'))),
    rotary_base: end,
    mrope_section: hf.map('rope_parameters')?.['mrope_section'] ?? sections,
    vision_start_token_id: attribute(own, 'vision_start_token_id', 151652n),
    audio_start_token_id: attribute(own, 'audio_start_token_id', 151647n),
    audio_end_token_id: attribute(own, 'audio_end_token_id', 151648n),
    position_id_per_seconds: attribute(own, 'position_id_per_seconds', 25n),
    seconds_per_chunk: attribute(own, 'seconds_per_chunk', 2n),
  };
}

const LAYERS = `${ROOT}.layers`;
const ENCODER_ROWS: readonly MappingRow[] = [
  ['thinker.visual.**', 'thinker.visual.**'],
  ['thinker.audio_model.**', 'thinker.audio_tower.**'],
];

function encoders(
  vision: Encoder['module'],
  visionClass: string,
  audio: Encoder['module'],
  audioClass: string,
): readonly Encoder[] {
  return [
    { at: 'thinker.visual.', module: vision, config: ['thinker_config.vision_config', visionClass] },
    { at: 'thinker.audio_model.', module: audio, config: ['thinker_config.audio_config', audioClass] },
  ];
}

export const qwen25Omni: Family = {
  architectures: ['Qwen2_5OmniForConditionalGeneration', 'Qwen2_5OmniModel'],
  example: 'Qwen/Qwen2.5-Omni-7B',
  text: 'thinker_config.text_config',
  textClass: 'Qwen2_5OmniTextConfig',
  prefix: LANGUAGE,
  defaults: {},
  config: {
    '0.7.0': {
      provider: 'Qwen25OmniModelProvider',
      copyOnly: true,
      copy: [...COPY, ['tie_word_embeddings', 'share_embeddings_and_output_weights']],
      set: {
        normalization: 'RMSNorm',
        gated_linear_unit: true,
        add_bias_linear: false,
        hidden_dropout: 0.0,
        add_qkv_bias: true,
        qk_layernorm: false,
      },
      derive: (hf, model) => {
        const own = thinker(model);
        const { whole, target, dtype } = model;
        return {
          ...shared(hf, model, [16n, 24n, 24n], 1000000n),
          autocast_dtype: dtype === 'bfloat16' ? BFLOAT16 : named(`torch.${dtype}`),
          head_dim: attribute(hf, 'head_dim', hf.quotient('hidden_size', 'num_attention_heads')),
          image_token_id: attribute(own, 'image_token_index', 151655n),
          video_token_id: attribute(own, 'video_token_index', 151656n),
          audio_token_id: attribute(own, 'audio_token_index', 151646n),
          thinker_config: hfObject('Qwen2_5OmniThinkerConfig', target, own.values),
          talker_config: hfObject('Qwen2_5OmniTalkerConfig', target, part(whole, 'talker_config')),
          token2wav_config: hfObject('Qwen2_5OmniToken2WavConfig', target, part(whole, 'token2wav_config')),
        };
      },
      encoders: encoders(
        'qwen25OmniVision',
        'Qwen2_5OmniVisionEncoderConfig',
        'qwen25OmniAudio',
        'Qwen2_5OmniAudioEncoderConfig',
      ),
    },
  },
  model: 'gpt',
  rows: [
    ...within(LANGUAGE, [
      ...endRows(ROOT, 'thinker.lm_head'),
      ...attentionRows(LAYERS),
      ...attentionBiasRows(LAYERS),
      ...gatedMlpRows(LAYERS),
    ]),
    ...ENCODER_ROWS,
  ],
  drops: [ROTARY_BUFFERS, SPEAKER],
};

export const qwen3Omni: Family = {
  architectures: ['Qwen3OmniMoeForConditionalGeneration'],
  example: 'Qwen/Qwen3-Omni-30B-A3B-Instruct',
  text: 'thinker_config.text_config',
  textClass: 'Qwen3OmniMoeTextConfig',
  prefix: LANGUAGE,
  defaults: {},
  config: {
    '0.7.0': {
      provider: 'Qwen3OmniModelProvider',
      copyOnly: true,
      copy: [
        ...COPY,
        ['moe_intermediate_size', 'moe_ffn_hidden_size'],
        ['head_dim', 'kv_channels'],
        ['max_position_embeddings', 'language_max_sequence_length'],
        ['attention_bias', 'add_qkv_bias'],
        ['num_experts', 'num_moe_experts'],
        ['num_experts_per_tok', 'moe_router_topk'],
      ],
      set: {
        gated_linear_unit: true,
        qk_layernorm: true,
        position_embedding_type: 'mrope',
        rotary_interleaved: false,
      },
      derive: (hf, model) => {
        const own = thinker(model);
        const eye = own.part('vision_config');
        const { whole, target } = model;
        return {
          ...shared(hf, model, [24n, 20n, 20n], 1000000.0),
          share_embeddings_and_output_weights: attribute(hf, 'tie_word_embeddings', false),
          image_token_id: attribute(own, 'image_token_id', 151655n),
          video_token_id: attribute(own, 'video_token_id', 151656n),
          audio_token_id: attribute(own, 'audio_token_id', 151646n),
          vision_end_token_id: attribute(own, 'vision_end_token_id', 151653n),
          bos_token_id: attribute(whole, 'bos_token_id', 151643n),
          eos_token_id: attribute(whole, 'eos_token_id', 151645n),
          patch_size: attribute(eye, 'patch_size', 16n),
          temporal_patch_size: attribute(eye, 'temporal_patch_size', 2n),
          spatial_merge_size: attribute(eye, 'spatial_merge_size', 2n),
          thinker_config: hfObject('Qwen3OmniMoeThinkerConfig', target, own.values),
          talker_config: hfObject('Qwen3OmniMoeTalkerConfig', target, part(whole, 'talker_config')),
          code2wav_config: hfObject('Qwen3OmniMoeCode2WavConfig', target, part(whole, 'code2wav_config')),
        };
      },
      encoders: encoders(
        'qwen3OmniVision',
        'Qwen3OmniMoeVisionEncoderConfig',
        'qwen3OmniAudio',
        'Qwen3OmniMoeAudioEncoderConfig',
      ),
    },
  },
  model: 'gpt',
  rows: [
    ...within(LANGUAGE, [
      ...endRows(ROOT, 'thinker.lm_head'),
      ...attentionRows(LAYERS),
      ...queryKeyNormRows(LAYERS),
      ...expertRows(LAYERS),
    ]),
    ...ENCODER_ROWS,
  ],
  drops: [ROTARY_BUFFERS, SPEAKER],
};
