import { NemotronError, type PyMap, type PyValue, type TargetDtype } from '@nemotron-convert/core';
import { BASE_COPY, MLA_ROPE, YARN_ROPE } from './config-mapping.js';
import { providers as providers031 } from './defaults/provider-0.3.1.generated.js';
import { providers as providers070 } from './defaults/provider-0.7.0.generated.js';
import type { ConfigRules } from './family.js';
import { finalize } from './finalize.js';
import type { HfConfig } from './hf-config.js';
import type { Target } from './target.js';

/** Fields of a provider dataclass, as run_config.yaml's `model:` section spells them. */
export type Fields = Record<string, PyValue>;

/** A dataclass of the recorded defaults: whole, or its difference from another one. */
export interface ProviderClass {
  readonly base: string | null;
  readonly omit: readonly string[];
  readonly fields: PyMap;
}
export type ProviderTable = Readonly<Record<string, ProviderClass>>;

const TABLES: Readonly<Record<Target, ProviderTable>> = { '0.3.1': providers031, '0.7.0': providers070 };

/** Parallel sizes as run_config.yaml records them. */
export interface ParallelSizes {
  readonly tp: number;
  readonly pp: number;
  readonly ep: number;
  readonly etp: number;
}

/**
 * The provider that Megatron-Bridge builds for a config.json: recorded class defaults, copied fields, the family's
 * constants and derived fields, then Megatron-Core's own completion of unset fields.
 */
export function buildProvider(
  hf: HfConfig,
  rules: ConfigRules,
  target: Target,
  dtype: TargetDtype,
  sizes: ParallelSizes,
): Fields {
  const fields = classDefaults(rules.provider, target);
  const known = new Set(Object.keys(fields));
  const given = { ...copied(hf, rules, target), ...rules.set, ...dtypeFields(dtype), ...rules.derive?.(hf) };
  for (const [name, value] of Object.entries(given)) {
    // Attributes that the dataclass does not declare exist at run time but are never written.
    if (known.has(name)) fields[name] = value;
  }
  return finalize(fields, target, dtype, sizes);
}

/** Every field of a provider class with its default. */
export function classDefaults(name: string, target: Target): Fields {
  const found = TABLES[target][name];
  if (found === undefined) {
    throw new NemotronError('INTERNAL', `no recorded defaults of ${name} for Bridge ${target}`);
  }
  const fields: Fields = found.base === null ? {} : classDefaults(found.base, target);
  for (const key of found.omit) delete fields[key];
  return Object.assign(fields, found.fields);
}

function copied(hf: HfConfig, rules: ConfigRules, target: Target): Fields {
  const fields: Fields = {};
  const rows = [...(rules.copyOnly ? [] : BASE_COPY[target]), ...(rules.copy ?? [])];
  for (const [from, to] of rows) {
    const value = lookup(hf, from);
    // 0.3.1 copies what is not None and lets later rows win; 0.7.0 takes the first name present, None included.
    if (target === '0.3.1' ? value !== undefined && value !== null : value !== undefined && !(to in fields)) {
      fields[to] = value as PyValue;
    }
  }
  if (rules.copyOnly) return fields;
  const vocab = fields['vocab_size'];
  if (typeof vocab === 'bigint') fields['make_vocab_size_divisible_by'] = vocabDivisor(vocab);
  fields['activation_func'] = activation(hf);
  return Object.assign(fields, ropeScaling(hf, rules, target));
}

function lookup(hf: HfConfig, path: string): PyValue | undefined {
  const [key, inner] = path.split('.', 2) as [string, string | undefined];
  return inner === undefined ? hf.values[key] : (hf.map(key)?.[inner] ?? undefined);
}

/** The largest power of two up to 128 that divides the vocabulary; recorded only, an import never pads. */
export function vocabDivisor(vocab: bigint): bigint {
  let base = 128n;
  while (vocab % base !== 0n) base /= 2n;
  return base;
}

const call = (target: string): PyMap => ({ _call_: false, _target_: target });

/** Bridge's ACTIVATION_MAPPING, with the names that its YAML writer prints. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  silu: 'torch.nn.functional.silu',
  gelu: 'torch._C._nn.gelu',
  relu: 'torch.nn.functional.relu',
  relu2: 'megatron.core.activations.squared_relu',
  squared_relu: 'megatron.core.activations.squared_relu',
  tanh: 'torch.tanh',
  sigmoid: 'torch.nn.functional.sigmoid',
  gelu_pytorch_tanh: 'megatron.core.activations.fast_gelu',
  fast_gelu: 'megatron.core.activations.fast_gelu',
  quick_gelu: 'megatron.core.activations.quick_gelu',
};

/** `activation_func` for config.json's hidden_act, else hidden_activation, else silu. */
export function activation(hf: HfConfig): PyMap {
  const key = hf.truthy('hidden_act') ? 'hidden_act' : 'hidden_activation';
  const name = hf.has(key) ? hf.string(key) : 'silu';
  const found = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  if (found === undefined) {
    throw new NemotronError(
      'SOURCE_CONFIG_INVALID',
      `${hf.path}: ${key} is ${name}, which Megatron has no function for`,
      {
        facts: { key, found: name, expected: Object.keys(ACTIVATIONS) },
      },
    );
  }
  return call(found);
}

/** `fp16`, `bf16` and `params_dtype` of a target dtype. */
export function dtypeFields(dtype: TargetDtype): Fields {
  return { fp16: dtype === 'float16', bf16: dtype === 'bfloat16', params_dtype: call(`torch.${dtype}`) };
}

function ropeScaling(hf: HfConfig, rules: ConfigRules, target: Target): Fields {
  const mla = rules.provider.startsWith('MLA');
  const scaling = hf.map('rope_scaling');
  const type = scaling === null ? null : (scaling['type'] ?? scaling['rope_type'] ?? null);
  const fields: Fields = {};
  if (type === 'yarn' && scaling !== null) {
    if (!mla) fields['position_embedding_type'] = 'yarn';
    for (const [from, to] of mla ? MLA_ROPE : YARN_ROPE) {
      const value = scaling[from] ?? null;
      if (value !== null || (!mla && target === '0.3.1')) fields[to] = value;
    }
    if (!mla && 'truncate' in scaling)
      fields['yarn_correction_range_round_to_int'] = scaling['truncate'] ?? null;
  } else if (mla && (scaling === null || target !== '0.3.1')) {
    fields['rotary_scaling_factor'] = 1.0;
    fields['mscale_all_dim'] = 1.0;
  }
  if (target !== '0.3.1' && !('position_embedding_type' in fields))
    fields['position_embedding_type'] = 'rope';
  return fields;
}
