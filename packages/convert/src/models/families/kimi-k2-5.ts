import { dirname } from 'node:path';
import type { PyMap, PyValue } from '@nemotron-convert/core';
import type { Encoder, Family, WholeModel } from '../family.js';
import { readGenerationConfig } from '../generation-config.js';
import { attribute, type HfConfig } from '../hf-config.js';
import { attributes, generationObject } from '../hf-object.js';
import type { Fields } from '../provider.js';
import { named } from '../provider-values.js';
import { remoteClassPath } from '../remote-class.js';
import { endRows, ROTARY_BUFFERS, within } from '../rows.js';
import { experts, kimiK2, latentLayerRows } from './deepseek.js';

const LANGUAGE = 'language_model.';
const ROOT = 'language_model.model';
const EYE = ['vision_config', 'PretrainedConfig'] as const;

const ENCODERS: readonly Encoder[] = [
  { at: 'vision_tower.', module: 'moonVit', config: EYE },
  { at: 'mm_projector.', module: 'moonVitMerger', config: EYE },
];

/** What KimiK25VisionConfig gives to absent keys. */
const EYE_DEFAULTS: PyMap = {
  patch_size: 14n,
  init_pos_emb_height: 64n,
  init_pos_emb_width: 64n,
  init_pos_emb_time: 4n,
  pos_emb_type: 'divided_fixed',
  vt_num_attention_heads: 16n,
  vt_num_hidden_layers: 27n,
  vt_hidden_size: 1152n,
  vt_intermediate_size: 4304n,
  merge_kernel_size: [2n, 2n],
  video_attn_type: 'spatial_temporal',
  merge_type: 'sd2_tpool',
  mm_projector_type: 'patchmerger',
  mm_hidden_size: null,
  projector_hidden_act: 'gelu',
  projector_ln_eps: 1e-5,
  text_hidden_size: 7168n,
};

/** Arguments of its constructor that it does not keep. */
const UNKEPT = [
  'ignore_index',
  'media_placeholder_token_id',
  'pad_token_id',
  'use_unified_vision_chunk',
  'video_placeholder',
];

/** The configuration object of the vision tower; its class comes with the checkpoint. */
function eye({ whole, target, modelId }: WholeModel): PyMap {
  const given = Object.entries(whole.map(EYE[0]) ?? {}).filter(([key]) => !UNKEPT.includes(key));
  const held: Record<string, PyValue> = { ...EYE_DEFAULTS, ...Object.fromEntries(given) };
  held['mm_hidden_size'] ??= held['vt_hidden_size'] ?? null;
  const reference = whole.map('auto_map')?.['AutoConfig'];
  const own = typeof reference === 'string' ? reference : 'configuration_kimi_k25.KimiK25Config';
  const vision = own.replace(/\.[^.]*$/, '.KimiK25VisionConfig');
  const values = attributes(EYE[1], target, held);
  const { dtype } = values;
  return {
    _target_: remoteClassPath(vision, dirname(whole.path), modelId),
    ...values,
    dtype: typeof dtype === 'string' ? named(`torch.${dtype}`) : null,
  };
}

function fields(hf: HfConfig, model: WholeModel): Fields {
  const { whole, target, modelId } = model;
  const generation = readGenerationConfig(dirname(whole.path));
  const placeholder = attribute(whole, 'media_placeholder_token_id', 163605n);
  return {
    ...experts(hf),
    moe_router_topk_scaling_factor: attribute(hf, 'routed_scaling_factor', 2.827),
    vision_config: eye(model),
    hf_model_path: modelId,
    generation_config: generation === null ? null : generationObject(target, generation),
    bos_token_id: attribute(hf, 'bos_token_id', null),
    eos_token_id: attribute(hf, 'eos_token_id', null),
    image_token_id: placeholder,
    media_placeholder_token_id: placeholder,
    pad_token_id: attribute(whole, 'pad_token_id', 0n),
    ignore_index: attribute(whole, 'ignore_index', -100n),
  };
}

export const kimiK25: Family = {
  architectures: ['KimiK25ForConditionalGeneration'],
  example: 'moonshotai/Kimi-K2.5',
  text: 'text_config',
  prefix: LANGUAGE,
  defaults: kimiK2.defaults,
  fallbacks: { num_key_value_heads: 'num_attention_heads' },
  config: {
    '0.7.0': {
      ...kimiK2.config['0.7.0'],
      provider: 'KimiK25VLModelProvider',
      set: {
        ...kimiK2.config['0.7.0']?.set,
        attention_dropout: 0.0,
        moe_token_dispatcher_type: 'flex',
        moe_flex_dispatcher_backend: 'hybridep',
        moe_flex_dispatcher_num_sms: 16n,
        // Completed for a dispatcher whose ranks may hold different numbers of tokens.
        moe_hybridep_pad_uneven_dispatch_inputs: true,
        moe_permute_fusion_into_hybridep: false,
        moe_router_score_function: 'sigmoid',
        moe_router_bias_update_rate: 0.001,
        trust_remote_code: true,
      },
      derive: fields,
      encoders: ENCODERS,
    },
  },
  model: 'gpt',
  rows: [
    ...within(LANGUAGE, [
      ...endRows(ROOT, 'language_model.lm_head'),
      ...latentLayerRows('decoder.layers.*', `${ROOT}.layers.*`),
    ]),
    ['vision_tower.**', 'vision_tower.**'],
    ['mm_projector.**', 'mm_projector.**'],
  ],
  drops: [ROTARY_BUFFERS],
};
