import { isPyMap, NemotronError } from '@nemotron-convert/core';
import { show } from './hf-config.js';
import type { Fields } from './provider.js';
import { number as count, FieldError } from './provider-fields.js';
import type { Target } from './target.js';

/** What is wrong with a provider, in the provider's own terms; null when nothing is. */
type Constraint = (fields: Fields, target: Target) => string | null;

const isSet = (fields: Fields, name: string): boolean => (fields[name] ?? null) !== null;

const divides = (whole: string, part: string): Constraint => {
  return (fields) => {
    if (!isSet(fields, whole) || !isSet(fields, part)) return null;
    return count(fields, whole) % count(fields, part) === 0
      ? null
      : `${whole} (${count(fields, whole)}) is no multiple of ${part} (${count(fields, part)})`;
  };
};

const perLayer = (name: string): Constraint => {
  return (fields) => {
    const list = fields[name];
    return !Array.isArray(list) || list.length === count(fields, 'num_layers')
      ? null
      : `${name} is for ${list.length} layers, and num_layers is ${count(fields, 'num_layers')}`;
  };
};

/** Functions that bias_activation_fusion can fuse. */
const FUSED = [
  'torch.nn.functional.silu',
  'torch._C._nn.gelu',
  'megatron.core.fusions.fused_bias_geglu.quick_gelu',
];

function fusedActivation(fields: Fields): string | null {
  const func = fields['activation_func'] ?? null;
  if (fields['bias_activation_fusion'] !== true || !isPyMap(func)) return null;
  const name = String(func['_target_']);
  if (!FUSED.includes(name)) return `bias_activation_fusion is on, and cannot fuse ${name}`;
  return fields['gated_linear_unit'] !== true && fields['add_bias_linear'] !== true
    ? `bias_activation_fusion is on, and an ungated ${name} has no bias to fuse`
    : null;
}

function expertsOrNone(fields: Fields, target: Target): string | null {
  if (isSet(fields, 'num_moe_experts'))
    return count(fields, 'num_moe_experts') > 0 ? null : 'num_moe_experts is 0';
  return isSet(fields, 'moe_ffn_hidden_size') && !(target === '0.7.0' && namesDenseLayers(fields))
    ? 'moe_ffn_hidden_size is set, but num_moe_experts is not'
    : null;
}

/** Whether `moe_layer_freq` leaves layers without experts. */
export function namesDenseLayers(fields: Fields): boolean {
  const frequency = fields['moe_layer_freq'] ?? null;
  return Array.isArray(frequency) ? frequency.includes(0n) : count(fields, 'moe_layer_freq') > 1;
}

function router(fields: Fields): string | null {
  const score = fields['moe_router_score_function'];
  if (fields['moe_router_enable_expert_bias'] === true && score === 'softmax')
    return 'an expert bias goes with moe_router_score_function sigmoid only, found softmax';
  return count(fields, 'moe_router_topk') === 1 &&
    score === 'softmax' &&
    fields['moe_router_pre_softmax'] !== true
    ? 'moe_router_topk 1 needs a softmax before the choice (moe_router_pre_softmax)'
    : null;
}

function expertGroups(fields: Fields): string | null {
  const chosen = count(fields, 'moe_router_group_topk');
  if (chosen === 0) return null;
  const groups = count(fields, 'moe_router_num_groups');
  if (groups === 0) return 'moe_router_group_topk is set, but moe_router_num_groups is not';
  if (!isSet(fields, 'num_moe_experts')) return 'moe_router_group_topk is set, but num_moe_experts is not';
  if (count(fields, 'num_moe_experts') % groups !== 0)
    return `num_moe_experts (${count(fields, 'num_moe_experts')}) is no multiple of moe_router_num_groups (${groups})`;
  return chosen <= groups
    ? null
    : `moe_router_group_topk (${chosen}) is over moe_router_num_groups (${groups})`;
}

/** What YaRN's frequencies are computed from, as `rope_scaling` spells it; transformers takes these where two are absent. */
const YARN = {
  rotary_scaling_factor: '"factor"',
  original_max_position_embeddings: '"original_max_position_embeddings"',
  beta_fast: '"beta_fast": 32, which transformers takes without it,',
  beta_slow: '"beta_slow": 1, which transformers takes without it,',
};

function yarn(fields: Fields): string | null {
  if (fields['position_embedding_type'] !== 'yarn') return null;
  const lacking = Object.entries(YARN).find(([name]) => fields[`yarn_${name}`] === null);
  if (lacking === undefined) return null;
  const [field, key] = lacking;
  return `YaRN's frequencies need yarn_${field}; add ${key} to rope_scaling`;
}

/** Layers are built with random weights of this deviation before an import fills them. */
function deviation(fields: Fields): string | null {
  return fields['init_method_std'] === null ? 'init_method_std (initializer_range) is null' : null;
}

/** What Megatron-Core's Mamba mixer asserts where a provider says it; FalconH1's names. */
function mixer(fields: Fields): string | null {
  if (fields['conv_bias'] === false)
    return 'its Mamba mixer has a bias in its convolution, and conv_bias is false';
  return fields['norm_before_gate'] === true
    ? 'its Mamba mixer norms behind the gate, and norm_before_gate is true'
    : null;
}

/** Features of a vision model's inner layers go to as many layers of the first pipeline stage. */
function deepstack(fields: Fields): string | null {
  const vision = fields['vision_config'] ?? null;
  const held = isPyMap(vision) ? (vision['config_dict'] ?? vision) : null;
  const indexes = isPyMap(held) ? held['deepstack_visual_indexes'] : null;
  const layers = count(fields, 'num_layers') / count(fields, 'pipeline_model_parallel_size');
  return Array.isArray(indexes) && indexes.length > layers
    ? `deepstack_visual_indexes names ${indexes.length} layers, and the first pipeline stage has ${layers}`
    : null;
}

/** DeepSeek V4's attention compresses by these ratios only, and projects its outputs by groups of heads. */
function compression(fields: Fields): string | null {
  if (fields['experimental_attention_variant'] !== 'dsv4_hybrid') return null;
  const ratios = fields['csa_compress_ratios'];
  const odd = Array.isArray(ratios) ? ratios.find((ratio) => ![0n, 4n, 128n].includes(ratio)) : undefined;
  if (odd !== undefined) return `csa_compress_ratios are 0, 4 or 128, found ${show(odd)}`;
  const outputs = count(fields, 'num_attention_heads') * count(fields, 'v_head_dim');
  return outputs % count(fields, 'o_groups') === 0
    ? null
    : `the outputs of all heads (${outputs}) are no multiple of o_groups (${count(fields, 'o_groups')})`;
}

const positive = (name: string): Constraint => {
  return (fields) =>
    isSet(fields, name) && count(fields, name) <= 0 ? `${name} is ${count(fields, name)}` : null;
};

/** What Megatron-Core's configuration classes and its modules refuse of what config.json can say. */
const CONSTRAINTS: readonly Constraint[] = [
  expertsOrNone,
  positive('moe_shared_expert_intermediate_size'),
  router,
  expertGroups,
  fusedActivation,
  yarn,
  deviation,
  compression,
  mixer,
  deepstack,
  divides('num_attention_heads', 'num_query_groups'),
  divides('num_attention_heads', 'num_global_key_value_heads'),
  divides('linear_num_value_heads', 'linear_num_key_heads'),
  divides('mamba_num_heads', 'mamba_num_groups'),
  perLayer('moe_layer_freq'),
];

/** Throws SOURCE_CONFIG_INVALID where Megatron-Core would refuse to build the model. `path` is the config.json's. */
export function checkProvider(fields: Fields, target: Target, path: string): void {
  for (const constraint of CONSTRAINTS) {
    const found = constraint(fields, target);
    if (found === null) continue;
    throw new NemotronError(
      'SOURCE_CONFIG_INVALID',
      `${path}: Megatron-Core cannot build this model: ${found}`,
      {
        facts: { path, target, found },
      },
    );
  }
}

/** Sizes that the rest of a provider is computed from, with the most that any model could have of each. */
const SIZES = { num_layers: 2n ** 16n, hidden_size: 2n ** 32n, num_attention_heads: 2n ** 16n };

/** Throws SOURCE_CONFIG_INVALID where a size that others follow from is none. `path` is the config.json's. */
export function checkSizesGiven(fields: Fields, path: string): void {
  for (const [name, most] of Object.entries(SIZES)) {
    const value = fields[name] ?? null;
    if (!(name in fields) || (typeof value === 'bigint' && value > 0n && value <= most)) continue;
    throw new FieldError(name, `an integer from 1 to ${most}`, value, path);
  }
}
