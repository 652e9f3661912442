import type { PyMap } from '@nemotron-convert/core';
import type { Family, MappingRow, WholeModel } from '../family.js';
import { attribute, type HfConfig } from '../hf-config.js';
import { hfObject } from '../hf-object.js';
import { type Fields, vocabDivisor } from '../provider.js';
import { endRows, ROTARY_BUFFERS, within } from '../rows.js';
import { exaone4LayerRows } from './exaone4.js';

const LANGUAGE = 'language_model.';
const ROOT = 'model.language_model';
const BLOCK = 'model.visual.blocks.*';
const EYE = ['vision_config', 'Exaone4_5_VisionConfig'] as const;
const VISION = 'vision_model.decoder.layers.*';

/** Numbers of special tokens where config.json has none. */
const TOKENS = {
  bos_token_id: 1n,
  eos_token_id: 53n,
  vision_start_token_id: 73n,
  vision_end_token_id: 74n,
  vision_token_id: 67n,
  image_token_id: 67n,
  video_token_id: 68n,
};

/** Layers with a window rotate their positions, the others neither; layers past the list have one. */
function layerKinds(hf: HfConfig): Fields {
  const types = hf.has('layer_types') ? hf.list('layer_types') : [];
  const sliding = Array.from(
    { length: hf.int('num_hidden_layers') },
    (_, i) => (types[i] ?? 'sliding_attention') === 'sliding_attention',
  );
  return {
    window_attn_skip_freq: sliding.map((is) => (is ? 1n : 0n)),
    no_rope_freq: sliding.map((is) => (is ? 0n : 1n)),
    window_size:
      sliding.includes(true) && hf.has('sliding_window') ? [BigInt(hf.int('sliding_window') - 1), 0n] : null,
    moe_layer_freq: sliding.map(() => 0n),
  };
}

function fields(hf: HfConfig, { whole, target, dtype }: WholeModel): Fields {
  const rope: PyMap = hf.map('rope_parameters') ?? {};
  const factor = rope['factor'] ?? null;
  return {
    ...layerKinds(hf),
    ...Object.fromEntries(Object.entries(TOKENS).map(([key, id]) => [key, attribute(whole, key, id)])),
    make_vocab_size_divisible_by: vocabDivisor(BigInt(hf.int('vocab_size'))),
    share_embeddings_and_output_weights: whole.get('tie_word_embeddings') ?? false,
    add_qkv_bias: hf.get('attention_bias') ?? false,
    rotary_base: rope['rope_theta'] ?? null,
    rope_scaling: factor !== null,
    rope_scaling_factor: factor,
    mtp_num_layers: hf.get('num_nextn_predict_layers'),
    mtp_loss_scaling_factor: attribute(hf, 'mtp_loss_scaling_factor', 0.1),
    mtp_use_repeated_layer: attribute(hf, 'mtp_share_layers', false),
    vision_config: hfObject(
      EYE[1],
      target,
      { model_type: 'exaone4_5_vision', ...whole.map(EYE[0]) },
      { dtype },
    ),
    hf_text_config: hfObject('Exaone4Config', target, whole.map('text_config') ?? {}, {
      model_type: 'exaone4',
    }),
  };
}

const PREDICTION: readonly MappingRow[] = [
  ['mtp.layers.*.enorm.weight', 'mtp.pre_fc_norm_embedding.weight'],
  ['mtp.layers.*.hnorm.weight', 'mtp.pre_fc_norm_hidden.weight'],
  ['mtp.layers.*.eh_proj.weight', 'mtp.fc.weight'],
  ['mtp.layers.*.final_layernorm.weight', 'mtp.norm.weight'],
  ...exaone4LayerRows('mtp.layers.*.transformer_layer', 'mtp.layers.*'),
];

const VISION_ROWS: readonly MappingRow[] = [
  ...(['weight', 'bias'] as const).flatMap((kind): MappingRow[] => [
    [`${VISION}.self_attention.linear_qkv.${kind}`, { qkvJoined: [`${BLOCK}.attn.qkv.${kind}`] }],
    [`${VISION}.self_attention.linear_proj.${kind}`, `${BLOCK}.attn.proj.${kind}`],
    [
      `${VISION}.mlp.linear_fc1.${kind}`,
      { gated: [`${BLOCK}.mlp.gate_proj.${kind}`, `${BLOCK}.mlp.up_proj.${kind}`] },
    ],
    [`${VISION}.mlp.linear_fc2.${kind}`, `${BLOCK}.mlp.down_proj.${kind}`],
    [`vision_model.merger.linear_fc1.${kind}`, `model.visual.merger.mlp.0.${kind}`],
    [`vision_model.merger.linear_fc2.${kind}`, `model.visual.merger.mlp.2.${kind}`],
  ]),
  [`${VISION}.self_attention.linear_qkv.layer_norm_weight`, `${BLOCK}.norm1.weight`],
  [`${VISION}.mlp.linear_fc1.layer_norm_weight`, `${BLOCK}.norm2.weight`],
  ['vision_model.merger.patch_norm.weight', 'model.visual.merger.ln_q.weight'],
  ['vision_model.patch_embed.proj.weight', 'model.visual.patch_embed.proj.weight'],
];

export const exaone45: Family = {
  architectures: ['Exaone4_5_ForConditionalGeneration'],
  example: 'LGAI-EXAONE/EXAONE-4.5-33B',
  text: 'text_config',
  textClass: 'Exaone4Config',
  prefix: LANGUAGE,
  defaults: {},
  config: {
    '0.7.0': {
      provider: 'Exaone45ModelProvider',
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
        ['vocab_size', 'vocab_size'],
        ['max_position_embeddings', 'seq_length'],
      ],
      set: { gated_linear_unit: true, qk_layernorm: true, position_embedding_type: 'rope' },
      derive: fields,
      encoders: [{ at: 'vision_model.', module: 'exaone45Vision', config: EYE }],
    },
  },
  model: 'gpt',
  rows: [
    ...within(LANGUAGE, [
      ...endRows(ROOT),
      ...exaone4LayerRows('decoder.layers.*', `${ROOT}.layers.*`),
      ...PREDICTION,
    ]),
    ...VISION_ROWS,
  ],
  drops: [
    ROTARY_BUFFERS,
    { tensors: /^mtp\./, reason: 'config.json names no multi-token prediction layers' },
  ],
};
