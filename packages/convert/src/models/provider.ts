import { NemotronError, type PyMap, type PyValue, type TargetDtype } from '@nemotron-convert/core';
import { activation } from './activation.js';
import { BASE_COPY, MLA_ROPE, YARN_ROPE } from './config-mapping.js';
import { checkProvider, checkSizesGiven } from './constraints.js';
import { type Core, changed, coreNamed } from './core.js';
import { providers as providers031 } from './defaults/provider-0.3.1.generated.js';
import { providers as providers070 } from './defaults/provider-0.7.0.generated.js';
import type { ConfigRules, WholeModel } from './family.js';
import { evenStages, finalize, stageLayout } from './finalize.js';
import type { HfConfig } from './hf-config.js';
import { named } from './provider-values.js';
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
  model: WholeModel,
  sizes: ParallelSizes,
): Fields {
  const { target, dtype } = model;
  const core = coreNamed(rules.core);
  const fields = classDefaults(rules.provider, target, core);
  const known = new Set(Object.keys(fields));
  const given = {
    ...copied(hf, rules, target, known),
    ...rules.set,
    ...dtypeFields(dtype),
    ...rules.derive?.(hf, model),
  };
  for (const [name, value] of Object.entries(given)) {
    // Attributes that the dataclass does not declare exist at run time but are never written.
    if (known.has(name)) fields[name] = value;
  }
  checkSizesGiven(fields, hf.path);
  const provider = finalize(fields, target, dtype, sizes);
  const layers = Number(provider['num_layers']);
  if (rules.stages === 'even') {
    const predicted = Number(provider['mtp_num_layers'] ?? 0);
    if (sizes.pp > 1)
      provider['pipeline_model_parallel_layout'] = stageLayout(evenStages(layers, sizes.pp), predicted);
  } else {
    const stages = rules.stages?.[sizes.pp];
    if (stages !== undefined && layers % sizes.pp !== 0)
      provider['pipeline_model_parallel_layout'] = stageLayout(stages);
  }
  checkProvider(provider, target, hf.path);
  return provider;
}

/** Every field of a provider class with its default, as the version's own Megatron-Core has it or another one. */
export function classDefaults(name: string, target: Target, core: Core | null = null): Fields {
  const found = TABLES[target][name];
  if (found === undefined) {
    throw new NemotronError('INTERNAL', `no recorded defaults of ${name} for Bridge ${target}`);
  }
  const fields: Fields = found.base === null ? {} : classDefaults(found.base, target);
  for (const key of found.omit) delete fields[key];
  return changed(Object.assign(fields, found.fields), core?.providers[name]);
}

function copied(hf: HfConfig, rules: ConfigRules, target: Target, known: ReadonlySet<string>): Fields {
  const fields: Fields = {};
  const rows = [...(rules.copyOnly ? [] : BASE_COPY[target]), ...(rules.copy ?? [])];
  for (const [from, to] of rows) {
    const value = lookup(hf, from);
    if (value === undefined) continue;
    // 0.3.1 copies what is not None and lets later rows win, but where a bridge names each argument of the class; 0.7.0
    // takes the first name present, None included.
    if (target === '0.3.1' ? value !== null || rules.copyOnly === true : !(to in fields)) {
      // 0.3.1 hands them all to the dataclass, which takes no others; 0.7.0 leaves out what it does not declare.
      if (target === '0.3.1' && !known.has(to)) throw undeclared(hf, from, to, rules.provider);
      fields[to] = value;
    }
  }
  if (rules.copyOnly) return fields;
  const vocab = fields['vocab_size'];
  if (typeof vocab === 'bigint') fields['make_vocab_size_divisible_by'] = vocabDivisor(vocab);
  fields['activation_func'] = activation(hf, target, rules.activations);
  return Object.assign(fields, ropeScaling(hf, rules, target));
}

function undeclared(hf: HfConfig, key: string, field: string, provider: string): NemotronError {
  return new NemotronError(
    'SOURCE_CONFIG_INVALID',
    `${hf.path}: Megatron-Bridge 0.3.1 passes ${key} on as ${field}, which its ${provider} does not have`,
    {
      facts: { path: hf.path, key, field, provider },
      hint: `remove ${key} from config.json, or use target=0.7.0, which ignores it`,
    },
  );
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

/** `fp16`, `bf16` and `params_dtype` of a target dtype. */
export function dtypeFields(dtype: TargetDtype): Fields {
  return { fp16: dtype === 'float16', bf16: dtype === 'bfloat16', params_dtype: named(`torch.${dtype}`) };
}

/** Provider classes that the Bridge derives from MLAModelProvider. */
const LATENT = /^(MLA|KimiK25VL|KimiK3)ModelProvider$/;

function ropeScaling(hf: HfConfig, rules: ConfigRules, target: Target): Fields {
  const mla = LATENT.test(rules.provider);
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
