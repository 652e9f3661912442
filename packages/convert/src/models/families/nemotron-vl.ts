import type { PyMap } from '@nemotron-convert/core';
import type { ConfigRules, Encoder, Family, MappingRow } from '../family.js';
import { vocabDivisor } from '../provider.js';
import { named } from '../provider-values.js';
import { within } from '../rows.js';
import { nemotronHRows } from './nemotron-h.js';

const WRAPPED = 'llava_model.';
const EYE = ['vision_config', 'PretrainedConfig'] as const;

const ENCODERS: readonly Encoder[] = [
  { at: `${WRAPPED}vision_model.`, module: 'radioVision', config: EYE },
  { at: `${WRAPPED}vision_projection.encoder.`, module: 'radioProjector', config: EYE },
];

const FROM = 'vision_model.radio_model.model';
const BLOCK = `${FROM}.blocks.*`;
const LAYER = 'vision_model.decoder.layers.*';

/** RADIO as a Megatron transformer, and the projector behind it. */
const VISION_ROWS: readonly MappingRow[] = [
  ['vision_model.class_token', `${FROM}.patch_generator.cls_token.token`],
  ['vision_model.position_embeddings', `${FROM}.patch_generator.pos_embed`],
  ['vision_model.embedder.weight', `${FROM}.patch_generator.embedder.weight`],
  ['vision_model.video_embedder.weight', `${FROM}.patch_generator.video_embedder.weight`],
  ...(['weight', 'bias'] as const).flatMap((kind): MappingRow[] => [
    [`${LAYER}.self_attention.linear_qkv.layer_norm_${kind}`, `${BLOCK}.norm1.${kind}`],
    [`${LAYER}.self_attention.linear_qkv.${kind}`, { qkvJoined: [`${BLOCK}.attn.qkv.${kind}`] }],
    [`${LAYER}.self_attention.linear_proj.${kind}`, `${BLOCK}.attn.proj.${kind}`],
    [`${LAYER}.mlp.linear_fc1.layer_norm_${kind}`, `${BLOCK}.norm2.${kind}`],
    [`${LAYER}.mlp.linear_fc1.${kind}`, `${BLOCK}.mlp.fc1.${kind}`],
    [`${LAYER}.mlp.linear_fc2.${kind}`, `${BLOCK}.mlp.fc2.${kind}`],
  ]),
  ['vision_projection.encoder.linear_fc1.layer_norm_weight', 'mlp1.0.weight'],
  ['vision_projection.encoder.linear_fc1.weight', 'mlp1.1.weight'],
  ['vision_projection.encoder.linear_fc2.weight', 'mlp1.3.weight'],
];

const SET: PyMap = {
  activation_func: named('megatron.core.activations.squared_relu'),
  scatter_embedding_sequence_parallel: false,
  attention_softmax_in_fp32: true,
  // Completed from params_dtype.
  autocast_dtype: null,
};

const RULES: ConfigRules = {
  provider: 'NemotronNano12Bv2VLModelProvider',
  set: SET,
  derive: (hf) => ({ make_vocab_size_divisible_by: vocabDivisor(BigInt(hf.int('vocab_size'))) }),
  encoders: ENCODERS,
};

/**
 * Its vision model has one size, too large for a fixture: test/oracle/nemotron_vl_source.py makes a source to compare with
 * the real stack.
 */
export const nemotronVl: Family = {
  architectures: ['NemotronH_Nano_VL_V2'],
  example: 'nvidia/NVIDIA-Nemotron-Nano-12B-v2-VL-BF16',
  text: 'llm_config',
  prefix: `${WRAPPED}language_model.`,
  defaults: { tie_word_embeddings: false },
  config: {
    '0.3.1': RULES,
    '0.7.0': {
      ...RULES,
      provider: 'NemotronVLModelProvider',
      defaults: { rope_theta: 10000.0 },
      copy: [['hybrid_override_pattern', 'hybrid_layer_pattern']],
      set: { ...SET, position_embedding_type: 'none' },
      refuses: (config) => {
        const llm = config['llm_config'];
        const mixture =
          typeof llm === 'object' &&
          llm !== null &&
          'n_routed_experts' in llm &&
          llm['n_routed_experts'] !== null;
        return mixture
          ? 'makes another model of a mixture of experts under this name (n_routed_experts)'
          : null;
      },
    },
  },
  model: 'hybrid',
  rows: [
    ...within(`${WRAPPED}language_model.`, nemotronHRows('language_model.', '')),
    ...within(WRAPPED, VISION_ROWS),
  ],
  drops: [
    {
      tensors: /^vision_model\.radio_model\.(input_conditioner\.|summary_idxs$)/,
      reason: 'the image processor normalises its input',
    },
  ],
};
