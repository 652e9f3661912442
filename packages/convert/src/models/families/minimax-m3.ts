import type { PyMap, PyValue } from '@nemotron-convert/core';
import type { Encoder, Family, MappingRow, WholeModel } from '../family.js';
import { attribute, HfConfig } from '../hf-config.js';
import { attributes, hfDict, hfObject, transformersVersion } from '../hf-object.js';
import { gateAndUp } from '../layer-rows.js';
import type { Fields } from '../provider.js';
import { BFLOAT16, named } from '../provider-values.js';
import {
  attentionRows,
  blockSparseRows,
  endRows,
  gatedMlpRows,
  queryKeyNormRows,
  ROTARY_BUFFERS,
  within,
} from '../rows.js';

const LANGUAGE = 'language_model.';
const ROOT = 'language_model.model';
const LAYERS = `${ROOT}.layers`;
const MIXTURE = `${LAYERS}.*.block_sparse_moe`;
const TEXT = 'MiniMaxM3VLTextConfig';
const EYE = ['vision_config', 'MiniMaxM3VLVisionConfig'] as const;

/** What transformers keeps of it is silu; the Bridge sets the gate's own function. */
const QUICK_GELU = 'megatron.core.fusions.fused_bias_geglu.quick_gelu';

const ENCODERS: readonly Encoder[] = [
  { at: 'vision_tower.', module: 'minimaxVision', config: EYE },
  { at: 'multi_modal_projector.', module: 'minimaxProjector', config: EYE },
  { at: 'patch_merge_mlp.', module: 'minimaxPatchMerger', config: EYE },
  { at: '', module: 'minimaxIndexers', config: EYE },
];

const MIXTURE_ROWS: readonly MappingRow[] = [
  ['decoder.layers.*.mlp.shared_experts.linear_fc1.weight', gateAndUp(`${MIXTURE}.shared_experts`)],
  ['decoder.layers.*.mlp.shared_experts.linear_fc2.weight', `${MIXTURE}.shared_experts.down_proj.weight`],
  ...blockSparseRows(LAYERS),
];

const INDEXER_ROWS = ['q_proj', 'k_proj', 'q_norm', 'k_norm'].map(
  (name): MappingRow => [`lightning_indexers.*.${name}.weight`, `${LAYERS}.*.self_attn.index_${name}.weight`],
);

/** Names of the sparse attention's settings in the published configuration. */
const SPARSE = [
  ['index_n_heads', 'sparse_num_index_heads'],
  ['index_head_dim', 'sparse_index_dim'],
  ['index_block_size', 'sparse_block_size'],
  ['index_topk_blocks', 'sparse_topk_blocks'],
  ['index_local_blocks', 'sparse_local_block'],
] as const;

const without = (map: PyMap, ...keys: readonly string[]): PyMap =>
  Object.fromEntries(Object.entries(map).filter(([key]) => !keys.includes(key)));

const kinds = (flags: readonly PyValue[], yes: string, no: string): readonly PyValue[] =>
  flags.map((flag) => (flag === 0n || flag === false ? no : yes));

/** The text model's attributes beside those that its class copies: transformers spells the published layer lists anew. */
function textAttributes(given: PyMap): PyMap {
  const sparse = new HfConfig(given, '').part('sparse_attention_config');
  const layers = new HfConfig({ num_hidden_layers: 60n, ...given }, '').int('num_hidden_layers');
  const frequency = given['moe_layer_freq'] ?? null;
  const indexed = sparse.get('sparse_attention_freq');
  const list = (value: PyValue): value is readonly PyValue[] => Array.isArray(value);
  return {
    hidden_act: 'silu',
    ...Object.fromEntries(
      SPARSE.filter(([, old]) => old in sparse.values).map(([name, old]) => [name, sparse.get(old)]),
    ),
    layer_types:
      given['layer_types'] ??
      (list(indexed)
        ? kinds(indexed, 'minimax_m3_sparse', 'full_attention')
        : Array<PyValue>(layers).fill('full_attention')),
    mlp_layer_types:
      given['mlp_layer_types'] ??
      (list(frequency) ? kinds(frequency, 'sparse', 'dense') : Array<PyValue>(layers).fill('sparse')),
  };
}

function fields(_: HfConfig, { whole, target, modelId }: WholeModel): Fields {
  const given = whole.map('text_config') ?? {};
  const plain = without(given, 'model_type', 'sparse_attention_config', 'moe_layer_freq');
  const own = textAttributes(given);
  const text = new HfConfig({ ...attributes(TEXT, target, plain), ...own }, `${whole.path}: text_config`);
  const eye = without(whole.map(EYE[0]) ?? {}, 'model_type');
  const vision = new HfConfig(attributes(EYE[1], target, eye), `${whole.path}: ${EYE[0]}`);
  const tied = whole.truthy('tie_word_embeddings') || text.truthy('tie_word_embeddings');
  const one = text.int('shared_intermediate_size');
  const shared = one * (text.has('n_shared_experts') ? text.int('n_shared_experts') : Number(one > 0));
  const size = (key: string): PyValue => vision.get(key);
  return {
    layernorm_zero_centered_gamma: attribute(text, 'use_gemma_norm', true),
    qk_layernorm: attribute(text, 'use_qk_norm', true),
    share_embeddings_and_output_weights: tied,
    activation_func: named(QUICK_GELU),
    activation_func_clamp_value: text.number('swiglu_limit'),
    rotary_percent: text.int('rotary_dim') / text.positive('head_dim'),
    moe_ffn_hidden_size: text.get('intermediate_size'),
    ffn_hidden_size: text.get('dense_intermediate_size'),
    moe_aux_loss_coeff: text.get('router_aux_loss_coef'),
    moe_router_topk_scaling_factor: text.get('routed_scaling_factor'),
    moe_shared_expert_intermediate_size: shared === 0 ? null : BigInt(shared),
    moe_layer_freq: text.list('mlp_layer_types').map((kind) => (kind === 'sparse' ? 1n : 0n)),
    vision_config: hfObject(EYE[1], target, eye),
    hf_config_dict: {
      ...hfDict('MiniMaxM3VLConfig', target, whole.values, {
        text_config: hfDict(TEXT, target, plain, own),
        vision_config: hfDict(EYE[1], target, eye),
        merged_hidden_size: BigInt(text.int('hidden_size') * vision.int('spatial_merge_size') ** 2),
        tie_word_embeddings: tied,
      }),
      _name_or_path: modelId,
      transformers_version: transformersVersion(target),
    },
    spatial_merge_size: size('spatial_merge_size'),
    temporal_patch_size: size('temporal_patch_size'),
    image_token_id: whole.get('image_token_index') ?? attribute(whole, 'image_token_id', 200025n),
    video_token_id: whole.get('video_token_index') ?? attribute(whole, 'video_token_id', 200026n),
    projector_hidden_size: attribute(whole, 'projector_hidden_size', 6144n),
    multimodal_projector_bias: attribute(whole, 'multimodal_projector_bias', true),
    lightning_indexer_layers: text
      .list('layer_types')
      .flatMap((kind, i) => (kind === 'minimax_m3_sparse' ? [BigInt(i)] : [])),
    index_n_heads: text.get('index_n_heads'),
    index_head_dim: text.get('index_head_dim'),
  };
}

export const minimaxM3: Family = {
  architectures: ['MiniMaxM3SparseForConditionalGeneration'],
  example: 'MiniMaxAI/MiniMax-M3',
  text: 'text_config',
  textClass: TEXT,
  prefix: LANGUAGE,
  defaults: {},
  config: {
    '0.7.0': {
      provider: 'MiniMaxM3VLModelProvider',
      activations: { swigluoai: QUICK_GELU },
      set: {
        transformer_layer_spec: {
          _args_: [],
          _partial_: true,
          _target_: 'megatron.bridge.models.minimax_m3.minimax_m3_bridge.minimax_m3_block_spec',
          use_transformer_engine: true,
        },
        normalization: 'RMSNorm',
        position_embedding_type: 'rope',
        gated_linear_unit: true,
        add_bias_linear: false,
        add_qkv_bias: false,
        hidden_dropout: 0.0,
        glu_linear_offset: 1.0,
        moe_grouped_gemm: true,
        moe_token_dispatcher_type: 'flex',
        moe_flex_dispatcher_backend: 'hybridep',
        moe_flex_dispatcher_num_sms: 16n,
        moe_permute_fusion_into_hybridep: false,
        moe_hybridep_pad_uneven_dispatch_inputs: true,
        moe_permute_fusion: true,
        moe_router_pre_softmax: false,
        moe_router_score_function: 'sigmoid',
        moe_router_enable_expert_bias: true,
        moe_router_dtype: 'fp32',
        moe_router_load_balancing_type: 'aux_loss',
        moe_shared_expert_overlap: false,
        mtp_num_layers: null,
        persist_layer_norm: true,
        bias_activation_fusion: false,
        bias_dropout_fusion: true,
        autocast_dtype: BFLOAT16,
        seq_length: 4096n,
      },
      encoders: ENCODERS,
      derive: fields,
    },
  },
  model: 'gpt',
  rows: [
    ...within(LANGUAGE, [
      ...endRows(ROOT, 'language_model.lm_head'),
      ...attentionRows(LAYERS),
      ...queryKeyNormRows(LAYERS),
      ...gatedMlpRows(LAYERS),
      ...MIXTURE_ROWS,
    ]),
    ...INDEXER_ROWS,
    ['vision_tower.**', 'vision_tower.**'],
    ['multi_modal_projector.**', 'multi_modal_projector.**'],
    ['patch_merge_mlp.**', 'patch_merge_mlp.**'],
  ],
  drops: [ROTARY_BUFFERS],
};
