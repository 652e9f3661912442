import { isPyMap, type PyMap, type PyValue } from '@nemotron-convert/core';
import type { ConfigRules, Family, MappingRow } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import type { Fields } from '../provider.js';
import { attentionRows, endRows, gatedMlpRows, queryKeyNormRows, ROTARY_BUFFERS } from '../rows.js';
import type { Target } from '../target.js';

const LAYERS = 'model.layers';
const ROPE: PyMap = { position_embedding_type: 'rope' };

/** Norm weights are kept as they are: they count from zero on both sides. */
const COMMON: PyMap = {
  normalization: 'RMSNorm',
  activation_func: { _call_: false, _target_: 'megatron.core.activations.fast_gelu' },
  gated_linear_unit: true,
  add_bias_linear: false,
  attention_dropout: 0.0,
  hidden_dropout: 0.0,
  share_embeddings_and_output_weights: true,
  layernorm_zero_centered_gamma: true,
};

const DEFAULTS: PyMap = {
  vocab_size: 256000n,
  head_dim: 256n,
  hidden_activation: 'gelu_pytorch_tanh',
  max_position_embeddings: 8192n,
  initializer_range: 0.02,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: true,
  rope_theta: 10000.0,
  attention_bias: false,
  attention_dropout: 0.0,
};

const GEMMA: ConfigRules = { provider: 'GemmaModelProvider', set: COMMON };

export const gemma: Family = {
  architectures: ['GemmaForCausalLM'],
  example: 'google/gemma-7b',
  defaults: {
    ...DEFAULTS,
    hidden_size: 3072n,
    intermediate_size: 24576n,
    num_hidden_layers: 28n,
    num_attention_heads: 16n,
    num_key_value_heads: 16n,
    hidden_act: 'gelu_pytorch_tanh',
    hidden_activation: null,
  },
  config: { '0.3.1': { ...GEMMA, set: { ...GEMMA.set, ...ROPE } }, '0.7.0': GEMMA },
  model: 'gpt',
  rows: [...endRows('model'), ...attentionRows(LAYERS), ...gatedMlpRows(LAYERS)],
  drops: [ROTARY_BUFFERS],
};

/** A norm before and after attention and MLP; rows of the plain families' MLP norm are not among them. */
const sandwichRows = (layers: string): readonly MappingRow[] => [
  [
    'decoder.layers.*.self_attention.linear_proj.post_layernorm.weight',
    `${layers}.*.post_attention_layernorm.weight`,
  ],
  ['decoder.layers.*.mlp.linear_fc1.layer_norm_weight', `${layers}.*.pre_feedforward_layernorm.weight`],
  ['decoder.layers.*.mlp.linear_fc2.post_layernorm.weight', `${layers}.*.post_feedforward_layernorm.weight`],
];

/** `window` is how many tokens the window reaches to the left. */
const gemma2Fields = (hf: HfConfig, window: PyValue): Fields => ({
  query_pre_attn_scalar: hf.get('query_pre_attn_scalar'),
  attn_logit_softcapping: hf.get('attn_logit_softcapping'),
  final_logit_softcapping: hf.get('final_logit_softcapping'),
  window_size: [window, 0n],
});

export const gemma2: Family = {
  architectures: ['Gemma2ForCausalLM'],
  example: 'google/gemma-2-9b',
  defaults: {
    ...DEFAULTS,
    hidden_size: 2304n,
    intermediate_size: 9216n,
    num_hidden_layers: 26n,
    num_attention_heads: 8n,
    num_key_value_heads: 4n,
    query_pre_attn_scalar: 256n,
    sliding_window: 4096n,
    final_logit_softcapping: 30.0,
    attn_logit_softcapping: 50.0,
  },
  config: {
    '0.3.1': {
      provider: 'Gemma2ModelProvider',
      set: { ...COMMON, ...ROPE, gradient_accumulation_fusion: false },
      derive: (hf) => gemma2Fields(hf, hf.get('sliding_window')),
    },
    '0.7.0': {
      provider: 'Gemma2ModelProvider',
      set: COMMON,
      // It leaves the token itself out of the count.
      derive: (hf) => gemma2Fields(hf, BigInt(hf.int('sliding_window')) - 1n),
    },
  },
  model: 'gpt',
  rows: [...sandwichRows(LAYERS), ...endRows('model'), ...attentionRows(LAYERS), ...gatedMlpRows(LAYERS)],
  drops: [ROTARY_BUFFERS],
};

interface Rope {
  readonly local: PyValue;
  readonly global: PyValue;
  /** Of the global layers. */
  readonly factor: PyValue;
}

function flatRope(hf: HfConfig): Rope {
  return {
    local: hf.get('rope_local_base_freq'),
    global: hf.get('rope_theta'),
    factor: hf.map('rope_scaling')?.['factor'] ?? 1.0,
  };
}

/** transformers 5 keeps the parameters of each layer type apart. */
function ropeByLayerType(hf: HfConfig): Rope {
  const rope = hf.map('rope_parameters') ?? {};
  const flat = flatRope(hf);
  const of = (type: string): PyMap => (isPyMap(rope[type] ?? null) ? (rope[type] as PyMap) : {});
  return {
    local: of('sliding_attention')['rope_theta'] ?? flat.local,
    global: of('full_attention')['rope_theta'] ?? flat.global,
    factor: of('full_attention')['factor'] ?? flat.factor,
  };
}

export function gemma3Fields(hf: HfConfig, target: Target): Fields {
  const { local, global, factor } = target === '0.3.1' ? flatRope(hf) : ropeByLayerType(hf);
  return {
    window_size: hf.get('sliding_window'),
    rotary_base: [local, global],
    softmax_scale: 1 / Math.sqrt(hf.int('query_pre_attn_scalar')),
    rope_scaling_factor: factor,
  };
}

const GEMMA3: ConfigRules = {
  provider: 'Gemma3ModelProvider',
  refuses: (config) =>
    config['tie_word_embeddings'] === false
      ? 'maps no output layer of its own (tie_word_embeddings false)'
      : null,
  // Completed from params_dtype.
  set: { autocast_dtype: null },
  derive: (hf, { target }) => gemma3Fields(hf, target),
};

export const GEMMA3_DEFAULTS: PyMap = {
  ...DEFAULTS,
  vocab_size: 262208n,
  hidden_size: 2304n,
  intermediate_size: 9216n,
  num_hidden_layers: 26n,
  num_attention_heads: 8n,
  num_key_value_heads: 4n,
  max_position_embeddings: 131072n,
  rope_theta: 1000000.0,
  rope_local_base_freq: 10000.0,
  query_pre_attn_scalar: 256n,
  sliding_window: 4096n,
};

/** Gemma 3's language model, rooted at `root` in the Hugging Face checkpoint. */
export function gemma3Rows(root: string): readonly MappingRow[] {
  const layers = `${root}.layers`;
  return [
    ...sandwichRows(layers),
    ...endRows(root),
    ...attentionRows(layers),
    ...queryKeyNormRows(layers),
    ...gatedMlpRows(layers),
  ];
}

export const gemma3: Family = {
  architectures: ['Gemma3ForCausalLM'],
  example: 'google/gemma-3-1b-pt',
  defaults: GEMMA3_DEFAULTS,
  config: {
    '0.3.1': GEMMA3,
    '0.7.0': GEMMA3,
  },
  model: 'gpt',
  rows: gemma3Rows('model'),
  drops: [ROTARY_BUFFERS],
};
