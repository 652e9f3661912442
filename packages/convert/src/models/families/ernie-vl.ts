import type { PyMap } from '@nemotron-convert/core';
import type { Family, MappingRow, PlainOrigin, WholeModel } from '../family.js';
import { attribute, type HfConfig } from '../hf-config.js';
import { hfNested, hfObject } from '../hf-object.js';
import { gateAndUp } from '../layer-rows.js';
import type { Fields } from '../provider.js';
import { attentionRows, endRows, gatedMlpRows, ROTARY_BUFFERS, within } from '../rows.js';

const LANGUAGE = 'language_model.';
const LAYERS = 'model.layers';
const EYE = ['vision_config', 'Ernie4_5_VLMoeVisionConfig'] as const;
const TEXT = 'Ernie4_5_VLMoeTextConfig';
const MLP = 'decoder.layers.*.mlp';
const FROM = `${LAYERS}.*.mlp`;

const TOKENS = {
  image_start_token_id: 101304n,
  image_end_token_id: 101305n,
  image_token_id: 100295n,
  video_start_token_id: 101306n,
  video_end_token_id: 101307n,
  video_token_id: 103367n,
};

/** Both pools have as many experts as the language model's; theirs come first in the Hugging Face checkpoint. */
function poolRows(pool: string, router: string, bias: PlainOrigin, expert: string): readonly MappingRow[] {
  const at = `${FROM}.experts.${expert}`;
  return [
    [`${MLP}.${pool}.router.weight`, { transposed: [`${FROM}.gate.${router}`] }],
    [`${MLP}.${pool}.router.expert_bias`, bias],
    [`${MLP}.${pool}.experts.linear_fc1.weight*`, gateAndUp(at)],
    [`${MLP}.${pool}.experts.linear_fc2.weight*`, `${at}.down_proj.weight`],
  ];
}

const BIAS = `${FROM}.moe_statics.e_score_correction_bias`;

const MIXTURE: readonly MappingRow[] = [
  ['decoder.layers.*.pre_mlp_layernorm.weight', `${LAYERS}.*.post_attention_layernorm.weight`],
  ...poolRows('text_moe_layer', 'weight', { firstRow: [BIAS] }, '*'),
  ...poolRows('vision_moe_layer', 'weight_1', { secondRow: [BIAS] }, '{*+experts}'),
  [`${MLP}.shared_experts.linear_fc1.weight`, gateAndUp(`${FROM}.shared_experts`)],
  [`${MLP}.shared_experts.linear_fc2.weight`, `${FROM}.shared_experts.down_proj.weight`],
];

/** The numbers of the resampler's layers are names in the Megatron model. */
const RESAMPLER: readonly MappingRow[] = ['spatial_linear', 'temporal_linear'].flatMap((part) =>
  Object.entries({ fc1: 0, fc2: 2, ln: 3 }).map(
    ([name, number]): MappingRow => [
      `resampler_model.${part}.${name}.**`,
      `model.resampler_model.${part}.${number}.**`,
    ],
  ),
);

function fields(hf: HfConfig, model: WholeModel): Fields {
  const { whole, target } = model;
  const rope: PyMap = hf.map('rope_parameters') ?? {};
  const widths = hf.list('moe_intermediate_size');
  const [width = 0] = hf.numbers('moe_intermediate_size');
  const shared = hf.has('moe_num_shared_experts') ? hf.int('moe_num_shared_experts') : 2;
  const vision = whole.map(EYE[0]) ?? {};
  return {
    ...Object.fromEntries(Object.entries(TOKENS).map(([key, id]) => [key, attribute(whole, key, id)])),
    rotary_base: rope['rope_theta'] ?? 500000.0,
    mrope_section: rope['mrope_section'] ?? [22n, 22n, 20n],
    share_embeddings_and_output_weights: whole.get('tie_word_embeddings') ?? true,
    moe_ffn_hidden_size: widths[0] ?? null,
    moe_intermediate_size: widths,
    num_moe_experts: hf.get('moe_num_experts'),
    moe_router_topk: hf.get('moe_k'),
    moe_aux_loss_coeff: hf.get('router_aux_loss_coef'),
    moe_shared_expert_intermediate_size: BigInt(width * shared),
    moe_layer_freq: layerKinds(hf),
    vision_config: hfObject(EYE[1], target, vision),
    hf_config: hfObject('Ernie4_5_VLMoeConfig', target, whole.values, {
      text_config: hfNested(TEXT, target, whole.map('text_config') ?? {}),
      vision_config: hfNested(EYE[1], target, vision),
    }),
  };
}

function layerKinds(hf: HfConfig): readonly bigint[] {
  return hf.list('mlp_layer_types').map((type) => (type === 'dense' ? 0n : 1n));
}

export const ernie45VlMoe: Family = {
  architectures: ['Ernie4_5_VLMoeForConditionalGeneration'],
  example: 'baidu/ERNIE-4.5-VL-28B-A3B-PT',
  text: 'text_config',
  textClass: TEXT,
  prefix: LANGUAGE,
  defaults: {},
  config: {
    '0.7.0': {
      provider: 'Ernie45VLModelProvider',
      set: {
        normalization: 'RMSNorm',
        gated_linear_unit: true,
        add_qkv_bias: false,
        add_bias_linear: false,
        hidden_dropout: 0.0,
        rotary_interleaved: true,
        moe_router_pre_softmax: false,
        moe_token_dispatcher_type: 'alltoall',
        moe_router_load_balancing_type: 'aux_loss',
        moe_router_score_function: 'sigmoid',
        moe_router_enable_expert_bias: true,
        moe_router_dtype: 'fp32',
        gradient_accumulation_fusion: false,
        position_embedding_type: 'mrope',
      },
      refuses: (config) =>
        config['tie_word_embeddings'] === false
          ? 'fills no output layer of its own for this architecture'
          : null,
      derive: fields,
      encoders: [
        { at: 'vision_tower.', module: 'ernieVision', config: EYE },
        { at: 'resampler_model.', module: 'ernieResampler', config: EYE },
      ],
    },
  },
  model: 'gpt',
  rows: [
    ...within(LANGUAGE, [...endRows('model'), ...attentionRows(LAYERS), ...gatedMlpRows(LAYERS), ...MIXTURE]),
    ['vision_tower.**', 'model.vision_model.**'],
    ...RESAMPLER,
    ['resampler_model.**', 'model.resampler_model.**'],
  ],
  drops: [ROTARY_BUFFERS],
};
