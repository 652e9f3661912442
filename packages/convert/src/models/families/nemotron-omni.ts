import { isPyMap, type PyMap } from '@nemotron-convert/core';
import type { ConfigRules, DropRule, Encoder, Family, MappingRow, WholeModel } from '../family.js';
import { HfConfig } from '../hf-config.js';
import { hfNested } from '../hf-object.js';
import { type Fields, vocabDivisor } from '../provider.js';
import { named } from '../provider-values.js';
import { within } from '../rows.js';
import { nemotronHRows } from './nemotron-h.js';
import { RADIO_DROPS, RADIO_ROWS } from './radio-rows.js';

const LANGUAGE = 'language_model.';
const EAR = 'sound_config';
const NONE = ['vision_config', 'PretrainedConfig'] as const;

const ENCODERS: readonly Encoder[] = [
  { at: 'vision_model.', module: 'radioVision', config: NONE },
  { at: 'vision_projection.encoder.', module: 'radioProjector', config: NONE },
  { at: 'sound_model.encoder.', module: 'parakeet', config: NONE },
  { at: 'sound_projection.encoder.', module: 'parakeetProjector', config: NONE },
];

/** What the configuration classes of the releases give to absent keys. */
const PROJECTOR_WIDTH = 4096n;
const SOUND_DEFAULTS: PyMap = {
  hidden_size: 1024n,
  num_attention_heads: 8n,
  num_hidden_layers: 24n,
  intermediate_size: 4096n,
  conv_kernel_size: 31n,
  feat_in: 80n,
  subsampling_factor: 8n,
  projection_hidden_size: 20480n,
  projection_bias: true,
  sampling_rate: 16000n,
};

function sound({ whole, target }: WholeModel): Fields {
  const given = whole.map(EAR);
  if (given === null) return { has_sound: false };
  const config = {
    ...hfNested('PretrainedConfig', target, { ...SOUND_DEFAULTS, ...given }),
    model_type: 'parakeet',
    _name_or_path: '',
  };
  const own = new HfConfig(config, `${whole.path}: ${EAR}`);
  return {
    has_sound: true,
    sound_model_type: 'parakeet',
    sound_hidden_size: own.get('hidden_size'),
    sound_projection_hidden_size: own.get('projection_hidden_size'),
    sound_context_token_id: whole.get('sound_context_token_id'),
    sound_config: config,
  };
}

/** Patches of several video frames at once, where they have weights of their own. */
function video({ whole }: WholeModel): Fields {
  const eye = whole.part('vision_config');
  if (!eye.truthy('separate_video_embedder')) return {};
  return {
    separate_video_embedder: true,
    temporal_patch_dim: eye.get('video_temporal_patch_size') ?? 2n,
    temporal_ckpt_compat: true,
  };
}

/** The pattern is what counts the layers; that of multi-token prediction is written behind it, once for every depth. */
function pattern(hf: HfConfig): Fields {
  const own = hf.string('hybrid_override_pattern').split('/')[0] ?? '';
  const predicted = hf.truthy('mtp_hybrid_override_pattern') ? hf.string('mtp_hybrid_override_pattern') : '';
  const depth = hf.truthy('num_nextn_predict_layers') ? hf.int('num_nextn_predict_layers') : 0;
  return {
    num_layers: BigInt(own.length),
    mtp_hybrid_override_pattern: hf.get('mtp_hybrid_override_pattern'),
    ...(predicted === ''
      ? {}
      : { hybrid_layer_pattern: `${own}/${Array.from({ length: depth }, () => predicted).join('/')}` }),
  };
}

const imageToken = (config: PyMap) =>
  'img_context_token_id' in config ? (config['img_context_token_id'] ?? null) : 18n;

const isPositive = (value: unknown): boolean => typeof value === 'bigint' && value > 0n;

function refuses(config: PyMap): string | null {
  if (!isPositive(imageToken(config)))
    return 'refuses this model without a positive img_context_token_id in config.json';
  if ((config[EAR] ?? null) !== null && !isPositive(config['sound_context_token_id'] ?? null))
    return 'refuses a model that hears without a positive sound_context_token_id in config.json';
  const llm = isPyMap(config['llm_config'] ?? null) ? (config['llm_config'] as PyMap) : {};
  return isPositive(llm['num_nextn_predict_layers'] ?? null) && !llm['mtp_hybrid_override_pattern']
    ? 'refuses multi-token prediction without mtp_hybrid_override_pattern in config.json'
    : null;
}

/** The ids of the tokens around an image, which only releases under the older name say. */
const TAGS = { img_start_token_id: 21n, img_end_token_id: 22n };

const rules = (tags: (whole: HfConfig) => Fields): ConfigRules => ({
  provider: 'NemotronOmniModelProvider',
  defaults: { rope_theta: 10000.0 },
  copy: [
    ['hybrid_override_pattern', 'hybrid_layer_pattern'],
    ['layer_norm_epsilon', 'layernorm_epsilon'],
    ['mamba_head_dim', 'mamba_head_dim'],
    ['mamba_num_heads', 'mamba_num_heads'],
    ['n_groups', 'mamba_num_groups'],
    ['ssm_state_size', 'mamba_state_dim'],
    ['residual_in_fp32', 'fp32_residual_connection'],
    ['moe_latent_size', 'moe_latent_size'],
    ['moe_shared_expert_intermediate_size', 'moe_shared_expert_intermediate_size'],
  ],
  set: {
    activation_func: named('megatron.core.activations.squared_relu'),
    position_embedding_type: 'none',
    language_model_type: 'nemotron6-moe',
    tokenizer_type: 'nemotron6-moe',
    use_vision_backbone_fp8_arch: false,
    vision_class_token_len: 10n,
    radio_interpolate_only_cpe: false,
    nemotron_omni_contract: 'expanded_sequence_v1',
  },
  derive: (hf, model) => ({
    ...pattern(hf),
    make_vocab_size_divisible_by: vocabDivisor(BigInt(hf.int('vocab_size'))),
    vision_proj_ffn_hidden_size: model.whole.get('projector_hidden_size') ?? PROJECTOR_WIDTH,
    image_token_index: imageToken(model.whole.values),
    ...tags(model.whole),
    ...sound(model),
    ...video(model),
  }),
  encoders: ENCODERS,
  refuses,
});

const rows: readonly MappingRow[] = [
  ...RADIO_ROWS,
  ['sound_projection.encoder.linear_fc1.layer_norm_weight', 'sound_projection.norm.weight'],
  ['sound_projection.encoder.linear_fc1.weight', 'sound_projection.linear1.weight'],
  ['sound_projection.encoder.linear_fc2.weight', 'sound_projection.linear2.weight'],
  ['sound_model.encoder.**', 'sound_encoder.encoder.**'],
  ...within(LANGUAGE, nemotronHRows(LANGUAGE, '')),
];

const drops: readonly DropRule[] = [
  RADIO_DROPS,
  {
    tensors: /^sound_encoder\.encoder\.feature_extractor\./,
    reason: 'the processor makes the mel spectra',
  },
  {
    tensors: /^sound_encoder\.encoder\.layers\.\d+\.conv\.(pointwise|depthwise)_conv\d?\.bias$/,
    reason: 'config.json has no convolution_bias',
  },
];

export const nemotronOmni: Family = {
  architectures: ['NemotronH_Nano_Omni_Reasoning_V3', 'NemotronH_Super_Omni_Reasoning_V3'],
  example: 'nvidia/Nemotron-3-Nano-Omni-30B-A3B-Reasoning-BF16',
  text: 'llm_config',
  prefix: LANGUAGE,
  defaults: { tie_word_embeddings: false },
  config: { '0.7.0': rules(() => TAGS) },
  model: 'hybrid',
  rows,
  drops,
};

/** Whether the language model of a NemotronH_Nano_VL_V2 is a mixture of experts, as only Omni's is. */
export function isMixture(config: PyMap): boolean {
  const llm = config['llm_config'] ?? null;
  return isPyMap(llm) && (llm['n_routed_experts'] ?? null) !== null;
}

/** Omni under the name that its first releases had. */
export const nemotronOmniNamedVl: Family = {
  ...nemotronOmni,
  architectures: ['NemotronH_Nano_VL_V2'],
  config: {
    '0.7.0': rules((whole) => ({
      img_start_token_id: whole.truthy('img_start_token_id') ? whole.get('img_start_token_id') : 19n,
      img_end_token_id: whole.truthy('img_end_token_id') ? whole.get('img_end_token_id') : 20n,
    })),
  },
};
