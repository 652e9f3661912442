import { isPyMap, type PyMap } from '@nemotron-convert/core';
import type { DropRule, Family, MappingRow, Origin, PlainOrigin, WholeModel } from '../family.js';
import { attribute, type HfConfig } from '../hf-config.js';
import { hfObject } from '../hf-object.js';
import { gateAndUp } from '../layer-rows.js';
import type { Fields } from '../provider.js';
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
import type { Target } from '../target.js';
import { qwen3VisionRows } from './qwen3-vision-rows.js';

const LANGUAGE = 'language_model.';

const SET: PyMap = {
  normalization: 'RMSNorm',
  gated_linear_unit: true,
  add_bias_linear: false,
  hidden_dropout: 0.0,
  position_embedding_type: 'mrope',
};

/** Numbers of the special tokens, with the ones of the published models for keys that config.json lacks. */
export function tokens(at: HfConfig, ids: Readonly<Record<string, bigint>>): Fields {
  return Object.fromEntries(Object.entries(ids).map(([key, id]) => [key, attribute(at, key, id)]));
}

const TEXT_TOKENS = { bos_token_id: 151643n, eos_token_id: 151645n };
const VISION_TOKENS = {
  vision_start_token_id: 151652n,
  vision_end_token_id: 151653n,
  image_token_id: 151655n,
  video_token_id: 151656n,
};

export function visionConfig(hfClass: string, { whole, target }: WholeModel, set: PyMap = {}): PyMap {
  return hfObject(hfClass, target, whole.map('vision_config') ?? {}, set);
}

/** Older files name the whole model's type in the vision part, which transformers 5 corrects. */
export function corrected({ whole, target }: WholeModel): PyMap {
  const type = whole.map('vision_config')?.['model_type'];
  const own = whole.get('model_type');
  return target !== '0.3.1' && typeof own === 'string' && type === own ? { model_type: `${own}_vision` } : {};
}

/** 0.7.0 reads the tie from config.json itself, 0.3.1 from the language model's part. */
function tie({ whole, target }: WholeModel): Fields {
  if (target === '0.3.1') return {};
  return { share_embeddings_and_output_weights: whole.get('tie_word_embeddings') ?? false };
}

const EYE = ['vision_config', 'Qwen2_5_VLVisionConfig'] as const;

function qwen25Fields(hf: HfConfig, model: WholeModel): Fields {
  const { whole } = model;
  return {
    ...tie(model),
    ...tokens(hf, TEXT_TOKENS),
    ...tokens(whole, { ...VISION_TOKENS, vision_token_id: 151654n }),
    vision_config: visionConfig(EYE[1], model),
  };
}

const QWEN25 = {
  provider: 'Qwen25VLModelProvider',
  set: { ...SET, add_qkv_bias: true },
  derive: qwen25Fields,
  encoders: [{ at: 'visual.', module: 'qwen25Vision', config: EYE }],
} as const;

/** Transformers 4 looks for the architecture in the language model's part, where there is one. */
function unnamed(config: PyMap): string | null {
  const text = config['text_config'] ?? null;
  return isPyMap(text) && !Array.isArray(text['architectures'])
    ? 'finds no architecture where text_config names none (its architectures)'
    : null;
}

export const qwen25Vl: Family = {
  architectures: ['Qwen2_5_VLForConditionalGeneration'],
  example: 'Qwen/Qwen2.5-VL-7B-Instruct',
  text: 'text_config',
  textClass: 'Qwen2_5_VLTextConfig',
  prefix: LANGUAGE,
  defaults: {},
  config: { '0.3.1': { ...QWEN25, refuses: unnamed }, '0.7.0': QWEN25 },
  model: 'gpt',
  spellings: [
    ['model.language_model.', 'model.'],
    ['model.visual.', 'visual.'],
  ],
  rows: [
    ...within(LANGUAGE, [
      ...endRows('model'),
      ...attentionRows('model.layers'),
      ...attentionBiasRows('model.layers'),
      ...gatedMlpRows('model.layers'),
    ]),
    ['visual.**', 'visual.**'],
  ],
  drops: [ROTARY_BUFFERS],
};

const ROOT = 'model.language_model';
const LAYERS = `${ROOT}.layers`;

/** The configuration classes of a Qwen3-VL model. */
interface Qwen3Classes {
  readonly text: string;
  readonly vision: string;
}
const DENSE: Qwen3Classes = { text: 'Qwen3VLTextConfig', vision: 'Qwen3VLVisionConfig' };
const MIXED: Qwen3Classes = { text: 'Qwen3VLMoeTextConfig', vision: 'Qwen3VLMoeVisionConfig' };

function qwen3Fields({ text, vision }: Qwen3Classes) {
  return (hf: HfConfig, model: WholeModel): Fields => {
    const { whole, target, dtype } = model;
    const rope = hf.map('rope_parameters') ?? hf.map('rope_scaling') ?? {};
    return {
      ...tie(model),
      ...tokens(hf, TEXT_TOKENS),
      ...tokens(whole, VISION_TOKENS),
      add_qkv_bias: hf.get('attention_bias'),
      head_dim: hf.get('head_dim'),
      mrope_section: rope['mrope_section'] ?? [24n, 20n, 20n],
      vision_config: visionConfig(vision, model, { dtype, ...corrected(model) }),
      hf_text_config: hfObject(text, target, whole.map('text_config') ?? {}),
    };
  };
}

const OUTPUT_BIAS: DropRule = {
  tensors: /\.self_attn\.o_proj\.bias$/,
  reason: 'the Megatron model has no bias in the output projection of attention',
};

const QWEN3: PyMap = { ...SET, qk_layernorm: true };

const ATTENTION: readonly MappingRow[] = [
  ...endRows(ROOT),
  ...attentionRows(LAYERS),
  ...attentionBiasRows(LAYERS),
  ...queryKeyNormRows(LAYERS),
];

function qwen3Encoder(module: 'qwen3Vision' | 'qwen3VisionOfTransformers', { vision }: Qwen3Classes) {
  return [{ at: 'vision_model.', module, config: ['vision_config', vision] }] as const;
}

/** 0.3.1 reads the sections of rotary positions from `rope_scaling` alone, which transformers 5 writes under another name. */
function unscaled(config: PyMap): string | null {
  const text = config['text_config'] ?? null;
  return isPyMap(text) && !isPyMap(text['rope_scaling'] ?? null)
    ? 'builds this architecture only with a rope_scaling in text_config (newer ones have rope_parameters)'
    : null;
}

/** 0.3.1 has the vision model of transformers, 0.7.0 one of its own. */
function qwen3Config(
  provider: string,
  classes: Qwen3Classes,
  set: PyMap,
  rows: Readonly<Record<Target, readonly MappingRow[]>>,
): Family['config'] {
  const rules = { provider, set, derive: qwen3Fields(classes) };
  return {
    '0.3.1': {
      ...rules,
      refuses: unscaled,
      encoders: qwen3Encoder('qwen3VisionOfTransformers', classes),
      rows: [['vision_model.**', 'model.visual.**'], ...rows['0.3.1']],
    },
    '0.7.0': {
      ...rules,
      encoders: qwen3Encoder('qwen3Vision', classes),
      rows: [...qwen3VisionRows('model.visual'), ...rows['0.7.0']],
    },
  };
}

export const qwen3Vl: Family = {
  architectures: ['Qwen3VLForConditionalGeneration'],
  example: 'Qwen/Qwen3-VL-8B-Instruct',
  text: 'text_config',
  textClass: DENSE.text,
  prefix: LANGUAGE,
  defaults: {},
  config: qwen3Config('Qwen3VLModelProvider', DENSE, QWEN3, { '0.3.1': [], '0.7.0': [] }),
  model: 'gpt',
  rows: within(LANGUAGE, [...ATTENTION, ...gatedMlpRows(LAYERS)]),
  drops: [ROTARY_BUFFERS, OUTPUT_BIAS],
};

const MOE: PyMap = {
  moe_grouped_gemm: true,
  moe_router_load_balancing_type: 'aux_loss',
  moe_aux_loss_coeff: 0.001,
  moe_router_pre_softmax: false,
  moe_token_dispatcher_type: 'alltoall',
  moe_permute_fusion: true,
};

/** 0.3.1 knows experts in one tensor with the inputs first; 0.7.0 also the outputs first, and experts one by one. */
const EXPERTS = {
  '0.3.1': experts((all) => ({ stackedTransposed: [all] })),
  '0.7.0': experts((all, apart) => ({ oneOf: [{ stacked: [all] }, { stackedTransposed: [all] }, apart] })),
};

function experts(origin: (all: string, apart: PlainOrigin) => Origin): readonly MappingRow[] {
  const at = `${LAYERS}.*.mlp.experts`;
  return within(LANGUAGE, [
    ['decoder.layers.*.mlp.experts.linear_fc1.weight*', origin(`${at}.gate_up_proj`, gateAndUp(`${at}.*`))],
    [
      'decoder.layers.*.mlp.experts.linear_fc2.weight*',
      origin(`${at}.down_proj`, `${at}.*.down_proj.weight`),
    ],
  ]);
}

export const qwen3VlMoe: Family = {
  architectures: ['Qwen3VLMoeForConditionalGeneration'],
  example: 'Qwen/Qwen3-VL-30B-A3B-Instruct',
  text: 'text_config',
  textClass: MIXED.text,
  prefix: LANGUAGE,
  defaults: {},
  config: qwen3Config('Qwen3VLMoEModelProvider', MIXED, { ...QWEN3, ...MOE }, EXPERTS),
  model: 'gpt',
  rows: within(LANGUAGE, [...ATTENTION, ...expertRows(LAYERS)]),
  drops: [ROTARY_BUFFERS, OUTPUT_BIAS],
};
