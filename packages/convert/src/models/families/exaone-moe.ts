import { NemotronError, type PyMap, type PyValue } from '@nemotron-convert/core';
import type { Family, MappingRow } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import {
  attentionLayerRows,
  denseLayerRows,
  mixtureLayerRows,
  queryKeyNormLayerRows,
} from '../layer-rows.js';
import { type Fields, vocabDivisor } from '../provider.js';
import { denseFirst, sharedWidth } from '../provider-values.js';
import { endRows, ROTARY_BUFFERS } from '../rows.js';

const LAYER = 'decoder.layers.*';
const FROM = 'model.layers.*';
const MTP = 'mtp.layers.*.transformer_layer';
const PREDICTED = 'mtp.layers.*';

/** Every fourth layer attends to all positions where config.json names no layer types. */
function layerTypes(hf: HfConfig): readonly PyValue[] {
  if (hf.has('layer_types')) return hf.list('layer_types');
  const pattern = hf.has('sliding_window_pattern') ? hf.int('sliding_window_pattern') : 4;
  return Array.from({ length: hf.int('num_hidden_layers') }, (_, i) =>
    (i + 1) % pattern === 0 ? 'full_attention' : 'sliding_attention',
  );
}

function attention(hf: HfConfig): Fields {
  const types = layerTypes(hf);
  const window = BigInt(hf.int('sliding_window'));
  const sliding = types.map((type) => type === 'sliding_attention');
  const windows = hf.has('sliding_windows')
    ? hf.list('sliding_windows')
    : sliding.map((is) => (is ? window : 0n));
  const widest = windows.find((value) => typeof value === 'bigint' && value > 0n);
  if (windows.length !== types.length || types.length !== hf.int('num_hidden_layers')) {
    throw new NemotronError(
      'SOURCE_CONFIG_INVALID',
      `${hf.path}: num_hidden_layers is ${hf.int('num_hidden_layers')}, but layer_types has ${types.length} and sliding_windows ${windows.length}`,
      { facts: { path: hf.path, key: 'layer_types' } },
    );
  }
  return {
    layer_types: types,
    sliding_windows: windows,
    window_attn_skip_freq: sliding.map((is) => (is ? 1n : 0n)),
    no_rope_freq: sliding.map((is) => (is ? 0n : 1n)),
    window_size: typeof widest === 'bigint' ? [widest - 1n, 0n] : null,
  };
}

/** Prediction layers are dense; a single one may be used for several steps. */
function prediction(hf: HfConfig): Fields {
  const types = hf.has('mtp_layer_types') ? hf.list('mtp_layer_types') : null;
  const layers =
    types?.length ?? (hf.has('num_nextn_predict_layers') ? hf.int('num_nextn_predict_layers') : 0);
  const steps = hf.has('mtp_num_speculative_steps') ? hf.int('mtp_num_speculative_steps') : layers;
  const repeated = hf.truthy('mtp_share_layers') || steps > layers;
  const depth = repeated ? steps : layers;
  return {
    mtp_num_layers: depth > 0 ? BigInt(depth) : null,
    mtp_use_repeated_layer: repeated,
    mtp_loss_scaling_factor: hf.get('mtp_loss_scaling_factor') ?? 0.1,
    mtp_layer_types: types ?? Array.from({ length: layers }, () => 'full_attention'),
    mtp_sliding_windows: hf.get('mtp_sliding_windows') ?? Array.from({ length: layers }, () => 0n),
  };
}

/** The Bridge has rows for one prediction layer; a second one would have no tensors. */
function refusesDepths(config: PyMap): string | null {
  const types = config['mtp_layer_types'] ?? null;
  const layers = Array.isArray(types) ? types.length : Number(config['num_nextn_predict_layers'] ?? 0);
  return layers > 1
    ? `maps one multi-token prediction layer of this architecture, and config.json has ${layers}`
    : null;
}

function experts(hf: HfConfig): Fields {
  const types = hf.has('mlp_layer_types') ? hf.list('mlp_layer_types') : null;
  const balanced =
    hf.get('topk_method') === 'noaux_tc'
      ? { moe_router_load_balancing_type: 'none', moe_aux_loss_coeff: 0.0 }
      : {};
  return {
    moe_layer_freq:
      types?.map((type) => (type === 'sparse' ? 1n : 0n)) ?? denseFirst(hf, hf.int('first_k_dense_replace')),
    moe_router_score_function: hf.get('scoring_func') ?? 'sigmoid',
    ...sharedWidth(hf, 'moe_intermediate_size', 'num_shared_experts'),
    ...balanced,
  };
}

function rope(hf: HfConfig): Fields {
  const parameters = hf.map('rope_parameters');
  const factor = parameters?.['factor'] ?? null;
  return {
    rotary_base: parameters?.['rope_theta'] ?? null,
    rope_scaling: factor !== null,
    rope_scaling_factor: factor,
  };
}

export const exaoneMoe: Family = {
  architectures: ['ExaoneMoeForCausalLM', 'ExaoneMoEForCausalLM'],
  example: 'LGAI-EXAONE/K-EXAONE-236B-A23B',
  defaults: {
    vocab_size: 102400n,
    hidden_size: 4096n,
    intermediate_size: 16384n,
    num_hidden_layers: 32n,
    num_attention_heads: 32n,
    num_key_value_heads: 32n,
    hidden_act: 'silu',
    max_position_embeddings: 2048n,
    initializer_range: 0.02,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
    rope_theta: 10000.0,
    attention_dropout: 0.0,
    sliding_window: 4096n,
    first_k_dense_replace: 1n,
    moe_intermediate_size: 1024n,
    num_experts: 64n,
    num_experts_per_tok: 8n,
    num_shared_experts: 1n,
    routed_scaling_factor: 2.5,
    n_group: 1n,
    topk_group: 1n,
  },
  fallbacks: { head_dim: ['hidden_size', 'num_attention_heads'] },
  config: {
    '0.7.0': {
      provider: 'ExaoneMoeModelProvider',
      refuses: refusesDepths,
      copyOnly: true,
      copy: [
        ['num_hidden_layers', 'num_layers'],
        ['hidden_size', 'hidden_size'],
        ['intermediate_size', 'ffn_hidden_size'],
        ['moe_intermediate_size', 'moe_ffn_hidden_size'],
        ['num_attention_heads', 'num_attention_heads'],
        ['num_key_value_heads', 'num_query_groups'],
        ['head_dim', 'kv_channels'],
        ['num_experts', 'num_moe_experts'],
        ['num_experts_per_tok', 'moe_router_topk'],
        ['n_group', 'moe_router_num_groups'],
        ['topk_group', 'moe_router_group_topk'],
        ['routed_scaling_factor', 'moe_router_topk_scaling_factor'],
        ['initializer_range', 'init_method_std'],
        ['rms_norm_eps', 'layernorm_epsilon'],
        ['tie_word_embeddings', 'share_embeddings_and_output_weights'],
        ['vocab_size', 'vocab_size'],
        ['max_position_embeddings', 'seq_length'],
        ['attention_dropout', 'attention_dropout'],
        ['swiglu_limits', 'swiglu_limits'],
      ],
      set: { gated_linear_unit: true, qk_layernorm: true, moe_grouped_gemm: true },
      derive: (hf) => ({
        ...rope(hf),
        ...attention(hf),
        ...experts(hf),
        ...prediction(hf),
        make_vocab_size_divisible_by: vocabDivisor(BigInt(hf.int('vocab_size'))),
      }),
    },
  },
  model: 'gpt',
  rows: [
    ...endRows('model'),
    ...attentionLayerRows(LAYER, FROM),
    ...queryKeyNormLayerRows(LAYER, FROM),
    ...denseLayerRows(LAYER, FROM),
    ...mixtureLayerRows(LAYER, FROM, {
      bias: `${FROM}.mlp.e_score_correction_bias`,
      shared: 'shared_experts',
    }),
    // One prediction layer, however often it is used.
    ['mtp.layers.*.eh_proj.weight', 'mtp.fc.weight'],
    ['mtp.layers.*.enorm.weight', 'mtp.pre_fc_norm_embedding.weight'],
    ['mtp.layers.*.hnorm.weight', 'mtp.pre_fc_norm_hidden.weight'],
    ['mtp.layers.*.final_layernorm.weight', 'mtp.norm.weight'],
    ...attentionLayerRows(MTP, PREDICTED),
    ...queryKeyNormLayerRows(MTP, PREDICTED),
    ...denseLayerRows(MTP, PREDICTED),
  ] satisfies readonly MappingRow[],
  drops: [ROTARY_BUFFERS],
};
