import type { PyMap } from '@nemotron-convert/core';
import type { ConfigRules, Family, MappingRow, WholeModel } from '../family.js';
import { attribute, type HfConfig } from '../hf-config.js';
import { withLabels } from '../hf-labels.js';
import type { Fields } from '../provider.js';
import { ROTARY_BUFFERS, within } from '../rows.js';
import { corrected, tokens, visionConfig } from './qwen-vl.js';
import { QWEN35_COPY, qwen35Fields, qwen35MoeRows, qwen35Rows, UNPREDICTED } from './qwen3-5.js';
import { qwen3VisionRows } from './qwen3-vision-rows.js';

const LANGUAGE = 'language_model.';
const ROOT = 'model.language_model';
const EYE = 'Qwen3_5VisionConfig';
const MOE_EYE = 'Qwen3_5MoeVisionConfig';

const SET: PyMap = {
  normalization: 'RMSNorm',
  gated_linear_unit: true,
  add_bias_linear: false,
  qk_layernorm: true,
  hidden_dropout: 0.0,
  layernorm_zero_centered_gamma: true,
  attention_output_gate: true,
  experimental_attention_variant: 'gdn',
  position_embedding_type: 'mrope',
};

const VISION_TOKENS = {
  vision_start_token_id: 248053n,
  vision_end_token_id: 248054n,
  image_token_id: 248056n,
  video_token_id: 248057n,
};

function fields(hfClass: string, end: bigint) {
  return (hf: HfConfig, model: WholeModel): Fields => {
    const { whole, dtype } = model;
    return {
      ...qwen35Fields(hf),
      ...tokens(hf, { bos_token_id: 248045n, eos_token_id: end }),
      ...tokens(whole, VISION_TOKENS),
      share_embeddings_and_output_weights: whole.get('tie_word_embeddings') ?? false,
      mrope_section: hf.map('rope_parameters')?.['mrope_section'] ?? [11n, 11n, 10n],
      vision_config: visionConfig(hfClass, model, { dtype, ...corrected(model) }),
    };
  };
}

/** Its vision model has no features for the language model's early layers. */
const encoders = (hfClass: string) =>
  [{ at: 'vision_model.', module: 'qwen3Vision', config: ['vision_config', hfClass] }] as const;

const DENSE: ConfigRules = {
  provider: 'Qwen35VLModelProvider',
  copy: QWEN35_COPY,
  set: SET,
  derive: fields(EYE, 248044n),
  encoders: encoders(EYE),
};

const VISION_ROWS = qwen3VisionRows('model.visual');
const ROWS: readonly MappingRow[] = [...within(LANGUAGE, qwen35Rows(ROOT)), ...VISION_ROWS];

export const qwen35Vl: Family = {
  architectures: ['Qwen3_5ForConditionalGeneration'],
  example: 'Qwen/Qwen3.5-27B',
  text: 'text_config',
  textClass: 'Qwen3_5TextConfig',
  prefix: LANGUAGE,
  defaults: {},
  config: { '0.7.0': DENSE },
  model: 'gpt',
  rows: ROWS,
  drops: [ROTARY_BUFFERS, UNPREDICTED],
};

/** Labels as transformers counts them. */
function labels({ whole, target }: WholeModel): bigint {
  const { id2label = null } = withLabels(
    target,
    { id2label: whole.values['id2label'] ?? null },
    whole.values,
  );
  return BigInt(Object.keys(id2label ?? {}).length);
}

export const qwen35TokenClassification: Family = {
  architectures: ['Qwen3_5ForTokenClassification'],
  example: 'Qwen/Qwen3.5-27B',
  text: 'text_config',
  textClass: 'Qwen3_5TextConfig',
  prefix: LANGUAGE,
  defaults: {},
  config: {
    '0.7.0': {
      ...DENSE,
      provider: 'Qwen35TokenClassificationModelProvider',
      derive: (hf, model) => ({
        ...DENSE.derive?.(hf, model),
        num_labels: labels(model),
        classifier_dropout:
          model.whole.get('classifier_dropout') ?? attribute(model.whole, 'hidden_dropout', null) ?? 0.1,
        mtp_num_layers: 0n,
        mtp_enabled: false,
        share_embeddings_and_output_weights: false,
      }),
    },
  },
  model: 'gpt',
  rows: [
    [`${LANGUAGE}output_layer.weight`, 'score.weight'],
    [`${LANGUAGE}output_layer.bias`, 'score.bias'],
    ...ROWS,
  ],
  drops: [ROTARY_BUFFERS, UNPREDICTED],
};

export const qwen35MoeVl: Family = {
  architectures: ['Qwen3_5MoeForConditionalGeneration'],
  example: 'Qwen/Qwen3.6-35B-A3B',
  text: 'text_config',
  textClass: 'Qwen3_5MoeTextConfig',
  prefix: LANGUAGE,
  defaults: {},
  config: {
    '0.7.0': {
      provider: 'Qwen35VLMoEModelProvider',
      copy: [...QWEN35_COPY, ['shared_expert_intermediate_size', 'moe_shared_expert_intermediate_size']],
      set: {
        ...SET,
        moe_shared_expert_gate: true,
        moe_grouped_gemm: true,
        moe_router_load_balancing_type: 'global_aux_loss',
        moe_router_pre_softmax: false,
        moe_token_dispatcher_type: 'alltoall',
        moe_permute_fusion: true,
      },
      derive: fields(MOE_EYE, 248046n),
      encoders: encoders(MOE_EYE),
    },
  },
  model: 'gpt',
  rows: [...within(LANGUAGE, qwen35MoeRows(ROOT)), ...VISION_ROWS],
  drops: [ROTARY_BUFFERS, UNPREDICTED],
};
