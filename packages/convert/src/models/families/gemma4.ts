import { isPyMap, NemotronError, type PyMap, type PyValue } from '@nemotron-convert/core';
import type { ConfigRules, Family, MappingRow } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import { gateAndUp } from '../layer-rows.js';
import type { Fields } from '../provider.js';
import { endRows, ROTARY_BUFFERS } from '../rows.js';

const LAYER = 'decoder.layers.*';
const FROM = 'model.layers.*';
const ATTENTION = `${FROM}.self_attn`;
const QUERIES = `${ATTENTION}.q_proj.weight`;
const KEYS = `${ATTENTION}.k_proj.weight`;
const OWN = { qkv: [QUERIES, KEYS, `${ATTENTION}.v_proj.weight`] } as const;
const AS_KEYS = { qkv: [QUERIES, KEYS, KEYS] } as const;

/** Attention by where its keys and values come from: from the layer, its values from its keys, or from an earlier layer. */
const ATTENTION_ROWS: readonly MappingRow[] = [
  [`${LAYER}.self_attention.linear_qkv.weight`, OWN],
  [`${LAYER}.self_attention(tied).linear_qkv.weight`, { oneOf: [OWN, AS_KEYS] }],
  [`${LAYER}.self_attention(shared).linear_qkv.weight`, { oneOf: [OWN, AS_KEYS, { qkvQueries: [QUERIES] }] }],
  [
    `${LAYER}.self_attention(shared).k_layernorm.weight`,
    { oneOf: [`${ATTENTION}.k_norm.weight`, { ones: [] }] },
  ],
  ...['self_attention', 'self_attention(tied)', 'self_attention(shared)'].flatMap((at): MappingRow[] => [
    [`${LAYER}.${at}.linear_qkv.layer_norm_weight`, `${FROM}.input_layernorm.weight`],
    [`${LAYER}.${at}.q_layernorm.weight`, `${ATTENTION}.q_norm.weight`],
    [`${LAYER}.${at}.k_layernorm.weight`, `${ATTENTION}.k_norm.weight`],
    [`${LAYER}.${at}.linear_proj.weight`, `${ATTENTION}.o_proj.weight`],
    [`${LAYER}.${at}.linear_proj.post_layernorm.weight`, `${FROM}.post_attention_layernorm.weight`],
  ]),
];

const DENSE_ROWS: readonly MappingRow[] = [
  ['per_layer_embedding.weight', 'model.embed_tokens_per_layer.weight'],
  ['per_layer_model_proj.weight', 'model.per_layer_model_projection.weight'],
  ['per_layer_proj_norm.weight', 'model.per_layer_projection_norm.weight'],
  [`${LAYER}.input_layernorm.weight`, `${FROM}.input_layernorm.weight`],
  [`${LAYER}.post_self_attn_layernorm.weight`, `${FROM}.post_attention_layernorm.weight`],
  [`${LAYER}.pre_mlp_layernorm.weight`, `${FROM}.pre_feedforward_layernorm.weight`],
  [`${LAYER}.post_mlp_layernorm.weight`, `${FROM}.post_feedforward_layernorm.weight`],
  [`${LAYER}.mlp.linear_fc1.weight`, gateAndUp(`${FROM}.mlp`)],
  [`${LAYER}.mlp.linear_fc2.weight`, `${FROM}.mlp.down_proj.weight`],
  [`${LAYER}.per_layer_input_gate.weight`, `${FROM}.per_layer_input_gate.weight`],
  [`${LAYER}.per_layer_projection.weight`, `${FROM}.per_layer_projection.weight`],
  [`${LAYER}.post_per_layer_input_norm.weight`, `${FROM}.post_per_layer_input_norm.weight`],
];

/** The dense MLP beside the experts is their shared expert. */
const MIXTURE_ROWS: readonly MappingRow[] = [
  [`${LAYER}.pre_mlp_layernorm.weight`, `${FROM}.pre_feedforward_layernorm_2.weight`],
  [`${LAYER}.pre_shared_expert_layernorm.weight`, `${FROM}.pre_feedforward_layernorm.weight`],
  [`${LAYER}.post_ffn_layernorm.weight`, `${FROM}.post_feedforward_layernorm.weight`],
  [`${LAYER}.mlp.post_shared_expert_layernorm.weight`, `${FROM}.post_feedforward_layernorm_1.weight`],
  [`${LAYER}.mlp.post_moe_layernorm.weight`, `${FROM}.post_feedforward_layernorm_2.weight`],
  [`${LAYER}.mlp.shared_experts.linear_fc1.weight`, gateAndUp(`${FROM}.mlp`)],
  [`${LAYER}.mlp.shared_experts.linear_fc2.weight`, `${FROM}.mlp.down_proj.weight`],
  [`${LAYER}.mlp.experts.linear_fc1.weight*`, { stacked: [`${FROM}.experts.gate_up_proj`] }],
  [`${LAYER}.mlp.experts.linear_fc2.weight*`, { stacked: [`${FROM}.experts.down_proj`] }],
  [`${LAYER}.mlp.router.weight`, `${FROM}.router.proj.weight`],
  [`${LAYER}.mlp.router.scale`, `${FROM}.router.scale`],
  [`${LAYER}.mlp.router.per_expert_scale`, `${FROM}.router.per_expert_scale`],
];

/** Every sixth layer attends to all positions where config.json names no kinds; the last one always does. */
function layerTypes(hf: HfConfig): readonly PyValue[] {
  const types = hf.truthy('layer_types')
    ? [...hf.list('layer_types')]
    : Array.from({ length: hf.int('num_hidden_layers') }, (_, i) =>
        (i + 1) % 6 === 0 ? 'full_attention' : 'sliding_attention',
      );
  return [...types.slice(0, -1), 'full_attention'];
}

/** `[sliding, full]` where the kinds repeat such a cycle, else the kinds themselves. */
function pattern(types: readonly PyValue[]): PyValue {
  const sliding = types.indexOf('full_attention');
  const after = types.slice(sliding).findIndex((type) => type !== 'full_attention');
  const full = after === -1 ? types.length - sliding : after;
  const repeats = types.every(
    (type, i) => type === (i % (sliding + full) < sliding ? 'sliding_attention' : 'full_attention'),
  );
  return repeats ? [BigInt(sliding), BigInt(full)] : types;
}

/** Bidirectional attention halves the window, and its bounds are exclusive. */
function window(hf: HfConfig): bigint {
  const size = hf.int('sliding_window');
  return BigInt(hf.get('use_bidirectional_attention') === 'all' ? Math.floor(size / 2) + 1 : size);
}

function rope(hf: HfConfig, type: string): PyMap {
  const own = hf.map('rope_parameters')?.[type] ?? null;
  return isPyMap(own) ? own : {};
}

const denseFields = (hf: HfConfig): Fields => ({
  num_global_query_groups: hf.get('num_global_key_value_heads'),
  window_size: [window(hf) - 1n, 0n],
  window_attn_skip_freq: layerTypes(hf).map((type) => type === 'sliding_attention'),
  sliding_window_rope_base: rope(hf, 'sliding_attention')['rope_theta'] ?? 10000.0,
  full_attention_rope_base: rope(hf, 'full_attention')['rope_theta'] ?? 1000000.0,
  full_attention_rope_partial_factor: rope(hf, 'full_attention')['partial_rotary_factor'] ?? 0.25,
  hetereogenous_dist_checkpoint: hf.get('use_double_wide_mlp'),
});

/** The embedding is built with rows up to a multiple of 128, which no other shape fits. */
function refusesVocabulary(config: PyMap): string | null {
  const vocab = config['vocab_size'] ?? null;
  return typeof vocab === 'bigint' && vocab % 128n !== 0n
    ? `pads the vocabulary of a dense Gemma 4 and cannot read one of ${vocab} tokens: vocab_size must be a multiple of 128`
    : null;
}

export const GEMMA4_DENSE: ConfigRules = {
  provider: 'Gemma4DenseProvider',
  copyOnly: true,
  copy: [
    ['num_hidden_layers', 'num_layers'],
    ['hidden_size', 'hidden_size'],
    ['intermediate_size', 'ffn_hidden_size'],
    ['num_attention_heads', 'num_attention_heads'],
    ['num_key_value_heads', 'num_query_groups'],
    ['head_dim', 'kv_channels'],
    ['global_head_dim', 'global_kv_channels'],
    ['max_position_embeddings', 'seq_length'],
    ['vocab_size', 'vocab_size'],
    ['rms_norm_eps', 'layernorm_epsilon'],
    ['num_kv_shared_layers', 'num_kv_shared_layers'],
    ['use_double_wide_mlp', 'use_double_wide_mlp'],
    ['attention_k_eq_v', 'attention_k_eq_v'],
    ['vocab_size_per_layer_input', 'per_layer_embed_vocab_size'],
    ['hidden_size_per_layer_input', 'per_layer_embed_dim'],
    ['final_logit_softcapping', 'final_logit_softcapping'],
  ],
  derive: denseFields,
  refuses: refusesVocabulary,
  uncut: ['pp'],
  rows: DENSE_ROWS,
};

/** The base frequency of a kind of layers; where config.json names other parameters alone, the Bridge looks no further. */
function rotaryBase(hf: HfConfig, key: string, type: string): PyValue {
  const base = hf.get(key) ?? rope(hf, type)['rope_theta'] ?? null;
  if (base !== null) return base;
  const expected = `a rope_theta for ${type}`;
  throw new NemotronError('SOURCE_CONFIG_INVALID', `${hf.path}: rope_parameters must hold ${expected}`, {
    facts: { path: hf.path, key: 'rope_parameters', expected, found: 'none' },
  });
}

const mixtureFields = (hf: HfConfig): Fields => ({
  window_size: window(hf),
  rotary_base: [
    rotaryBase(hf, 'rope_local_base_freq', 'sliding_attention'),
    rotaryBase(hf, 'rope_theta', 'full_attention'),
  ],
  global_rotary_percent: rope(hf, 'full_attention')['partial_rotary_factor'] ?? 0.25,
  interleaved_attn_pattern: pattern(layerTypes(hf)),
  num_moe_experts: hf.get('num_experts'),
  moe_router_topk: hf.get('top_k_experts'),
  moe_ffn_hidden_size: hf.get('moe_intermediate_size'),
});

export const gemma4: Family = {
  architectures: ['Gemma4ForCausalLM'],
  example: 'google/gemma-4-26B-A4B',
  defaults: {
    vocab_size: 262144n,
    hidden_size: 2304n,
    intermediate_size: 9216n,
    num_hidden_layers: 30n,
    num_attention_heads: 8n,
    num_key_value_heads: 4n,
    head_dim: 256n,
    hidden_activation: 'gelu_pytorch_tanh',
    max_position_embeddings: 131072n,
    initializer_range: 0.02,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: true,
    attention_bias: false,
    attention_dropout: 0.0,
    sliding_window: 512n,
    final_logit_softcapping: null,
    vocab_size_per_layer_input: 262144n,
    hidden_size_per_layer_input: 256n,
    num_global_key_value_heads: null,
    global_head_dim: 512n,
    attention_k_eq_v: false,
    num_kv_shared_layers: 0n,
    enable_moe_block: false,
    use_double_wide_mlp: false,
    num_experts: null,
    top_k_experts: null,
    moe_intermediate_size: null,
    rope_parameters: {
      sliding_attention: { rope_type: 'default', rope_theta: 10000.0 },
      full_attention: { rope_type: 'proportional', partial_rotary_factor: 0.25, rope_theta: 1000000.0 },
    },
  },
  config: {
    '0.7.0': {
      provider: 'Gemma4ModelProvider',
      instead: (config) => (config['enable_moe_block'] === true ? null : GEMMA4_DENSE),
      copy: [
        ['intermediate_size', 'moe_shared_expert_intermediate_size'],
        ['global_head_dim', 'global_head_dim'],
        ['num_global_key_value_heads', 'num_global_key_value_heads'],
        ['attention_k_eq_v', 'attention_k_eq_v'],
        ['final_logit_softcapping', 'final_logit_softcapping'],
      ],
      set: {
        softmax_scale: 1.0,
        qk_layernorm: true,
        moe_shared_expert_overlap: false,
        moe_shared_expert_gate: false,
        moe_layer_freq: 1n,
        make_vocab_size_divisible_by: 128n,
      },
      derive: mixtureFields,
      rows: MIXTURE_ROWS,
    },
  },
  model: 'gemma4',
  rows: [...endRows('model'), ...ATTENTION_ROWS, [`${LAYER}.layer_scalar`, `${FROM}.layer_scalar`]],
  drops: [ROTARY_BUFFERS],
};
