import {
  dumpPythonJson,
  isPyMap,
  NemotronError,
  type PyMap,
  type PyValue,
  type TargetDtype,
} from '@nemotron-convert/core';
import type { ConfigRules, Family } from '../family.js';
import { type HfConfig, show } from '../hf-config.js';
import { withLabels } from '../hf-labels.js';
import { classDefaults, transformersVersion } from '../hf-object.js';
import { type Fields, vocabDivisor } from '../provider.js';
import { attentionRows, endRows, gatedMlpRows, ROTARY_BUFFERS } from '../rows.js';
import type { Target } from '../target.js';

const DEFAULTS: PyMap = {
  vocab_size: 32000n,
  hidden_size: 4096n,
  intermediate_size: null,
  num_key_value_heads: null,
  num_hidden_layers: 32n,
  num_attention_heads: 32n,
  hidden_act: 'silu',
  max_position_embeddings: 2048n,
  initializer_range: 0.02,
  rms_norm_eps: 1e-6,
  use_cache: true,
  bos_token_id: 1n,
  eos_token_id: 2n,
  pretraining_tp: 1n,
  tie_word_embeddings: false,
  rope_theta: 10000.0,
  rope_scaling: null,
  attention_bias: false,
  attention_dropout: 0.0,
  mlp_bias: false,
};

const CONFIG = 'megatron.core.transformer.heterogeneous.heterogeneous_config';

/** What Megatron makes of `block_configs`: query groups and MLP widths of each layer. */
function blocks(hf: HfConfig): readonly PyMap[] {
  const heads = hf.int('num_attention_heads');
  const hidden = hf.int('hidden_size');
  return hf.list('block_configs').map((block, index) => {
    const attention = section(hf, block, index, ['attention']);
    const mlp = section(hf, block, index, ['ffn', 'mlp']);
    const perGroup = attention['n_heads_in_group'] ?? null;
    const mult = mlp['ffn_mult'] ?? null;
    return {
      _target_: `${CONFIG}.TransformerBlockConfig`,
      attention: {
        _target_: `${CONFIG}.AttentionConfig`,
        no_op: attention['no_op'] ?? false,
        num_query_groups:
          attention['num_query_groups'] ?? (perGroup === null ? null : groups(hf, heads, perGroup, index)),
        replace_with_linear: attention['replace_with_linear'] ?? false,
      },
      mlp: {
        _target_: `${CONFIG}.MLPConfig`,
        ffn_hidden_size:
          mlp['ffn_hidden_size'] ?? (mult === null ? null : width(multiple(hf, mult, index), hidden)),
        no_op: mlp['no_op'] ?? false,
        replace_with_linear: mlp['replace_with_linear'] ?? false,
      },
    };
  });
}

function section(hf: HfConfig, block: PyValue, index: number, names: readonly string[]): PyMap {
  const found = names.map((name) => (isPyMap(block) ? block[name] : undefined)).find(isPyMap);
  if (found !== undefined) return found;
  throw invalid(hf, `block_configs[${index}] has no ${names[0]}`, index);
}

function groups(hf: HfConfig, heads: number, perGroup: PyValue, index: number): bigint {
  const count = typeof perGroup === 'bigint' ? heads / Number(perGroup) : Number.NaN;
  if (Number.isInteger(count)) return BigInt(count);
  throw invalid(hf, `${heads} heads do not divide into groups of ${show(perGroup)} in layer ${index}`, index);
}

function multiple(hf: HfConfig, value: PyValue, index: number): number {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  throw invalid(hf, `block_configs[${index}] has ${show(value)} for ffn_mult`, index);
}

/** Two thirds of the multiple, rounded up to a multiple of 256. */
function width(multiple: number, hidden: number): bigint {
  return BigInt(Math.ceil(Math.trunc((2 * multiple * hidden) / 3) / 256) * 256);
}

function invalid(hf: HfConfig, message: string, layer: number): NemotronError {
  return new NemotronError('SOURCE_CONFIG_INVALID', `${hf.path}: ${message}`, {
    facts: { path: hf.path, key: 'block_configs', layer },
  });
}

/** The class keeps the older name of the type and adds the newer. */
function ropeScaling(hf: HfConfig): PyMap | null {
  const scaling = hf.map('rope_scaling');
  return scaling !== null && 'type' in scaling ? { ...scaling, rope_type: scaling['type'] ?? null } : scaling;
}

function derive(hf: HfConfig): Fields {
  const layers = blocks(hf);
  if (layers.length !== hf.int('num_hidden_layers')) {
    throw invalid(
      hf,
      `num_hidden_layers is ${hf.int('num_hidden_layers')}, but block_configs has ${layers.length}`,
      layers.length,
    );
  }
  const first = layers[0]?.['attention'];
  const scaling = ropeScaling(hf);
  const scaled = scaling?.['rope_type'] === 'llama3';
  return {
    num_query_groups: isPyMap(first) ? (first['num_query_groups'] ?? null) : hf.get('num_key_value_heads'),
    ffn_hidden_size: hf.get('intermediate_size'),
    make_vocab_size_divisible_by: vocabDivisor(BigInt(hf.int('vocab_size'))),
    heterogeneous_block_specs: true,
    per_block_parameters: layers,
    ...(scaled ? { rope_scaling: true, rope_scaling_factor: scaling?.['factor'] ?? 8.0 } : {}),
  };
}

/** What every configuration has is printed where it is something else, or the class has something else. */
function isUsual(key: string, value: PyValue, usual: PyMap): boolean {
  const same = (other: PyValue): boolean => dumpPythonJson(other) === dumpPythonJson(value);
  if (!(key in usual) || !same(usual[key] ?? null)) return false;
  return !(key in DEFAULTS) || same(DEFAULTS[key] ?? null);
}

/** config.json as its class would print it: the class's defaults included, its own version, and the dtype converted to. */
function encoded(hf: HfConfig, target: Target, dtype: TargetDtype): string {
  const { torch_dtype: _, ...given } = hf.values;
  const usual = classDefaults('PretrainedConfig', target);
  const values = Object.entries(withLabels(target, { ...usual, ...given }, given)).filter(
    ([key, value]) => !isUsual(key, value, usual),
  );
  const own = { rope_scaling: ropeScaling(hf), dtype, transformers_version: transformersVersion(target) };
  return `${dumpPythonJson({ ...Object.fromEntries(values), ...own })}\n`;
}

const config: ConfigRules = {
  provider: 'LlamaNemotronHeterogeneousProvider',
  copyOnly: true,
  copy: [
    ['num_hidden_layers', 'num_layers'],
    ['hidden_size', 'hidden_size'],
    ['num_attention_heads', 'num_attention_heads'],
    ['initializer_range', 'init_method_std'],
    ['rms_norm_eps', 'layernorm_epsilon'],
    ['max_position_embeddings', 'seq_length'],
    ['rope_theta', 'rotary_base'],
    ['head_dim', 'kv_channels'],
    ['tie_word_embeddings', 'share_embeddings_and_output_weights'],
    ['vocab_size', 'vocab_size'],
  ],
  set: { gated_linear_unit: true },
};

const rules: ConfigRules = {
  ...config,
  derive: (hf, { target, dtype }) => ({
    ...derive(hf),
    heterogeneous_layers_config_encoded_json: encoded(hf, target, dtype),
  }),
};

const LAYER = 'decoder.layers.*';
const FROM = 'model.layers.*';

export const llamaNemotron: Family = {
  architectures: ['DeciLMForCausalLM'],
  example: 'nvidia/Llama-3_3-Nemotron-Super-49B-v1',
  defaults: DEFAULTS,
  fallbacks: { head_dim: ['hidden_size', 'num_attention_heads'] },
  config: { '0.3.1': rules, '0.7.0': rules },
  model: 'gpt',
  rows: [
    ...endRows('model'),
    ...attentionRows('model.layers'),
    ...gatedMlpRows('model.layers'),
    // The Bridge names no origin for linear replacements and leaves them unset; these are their Hugging Face names.
    [`${LAYER}.self_attention.layer_norm_weight`, `${FROM}.input_layernorm.weight`],
    [`${LAYER}.self_attention.weight`, `${FROM}.self_attn.linear_attn.weight`],
    [`${LAYER}.mlp.layer_norm_weight`, `${FROM}.post_attention_layernorm.weight`],
    [`${LAYER}.mlp.weight`, `${FROM}.mlp.linear_mlp.weight`],
  ],
  drops: [ROTARY_BUFFERS],
};
