import { isPyMap, NemotronError, type PyMap, type PyValue } from '@nemotron-convert/core';
import { hfConfigs as configs031 } from './defaults/hf-config-0.3.1.generated.js';
import { hfConfigs as configs070 } from './defaults/hf-config-0.7.0.generated.js';
import { HfConfig } from './hf-config.js';
import { withDerived, withoutDerived } from './hf-derived.js';
import { withLabels } from './hf-labels.js';
import { named } from './provider-values.js';
import { gatherRope } from './rope.js';
import type { Target } from './target.js';

/** A configuration class of transformers with its defaults, as the difference from PretrainedConfig. */
interface HfConfigClass {
  /** Dotted path of the class. */
  readonly target: string;
  /** `model_type`. */
  readonly type: string;
  /** Names that stand for other attributes. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Configurations inside it, by their attribute. */
  readonly parts: Readonly<Record<string, string>>;
  /** The base frequency of rotary embeddings where no configuration names one. */
  readonly theta: number | null;
  readonly omit: readonly string[];
  readonly fields: PyMap;
}

export interface HfConfigTable {
  /** Of transformers. */
  readonly version: string;
  /** Keys of config.json that a configuration keeps only where its class declares them. */
  readonly forgotten: readonly string[];
  /** What a GenerationConfig prints that is made from nothing; where no provider holds one, absent. */
  readonly generation?: PyMap;
  readonly classes: Readonly<Record<string, HfConfigClass>>;
}

const TABLES: Readonly<Record<Target, HfConfigTable>> = { '0.3.1': configs031, '0.7.0': configs070 };

/** A part of config.json with the defaults of its class. A nested part is named with dots. */
export function hfPart(whole: HfConfig, key: string, hfClass: string, target: Target): HfConfig {
  let given: HfConfig = whole;
  for (const name of key.split('.')) given = new HfConfig(given.map(name) ?? {}, `${whole.path}: ${key}`);
  return new HfConfig(attributes(hfClass, target, given.values, given.path), given.path);
}

/** A configuration object as run_config.yaml prints it: every attribute, for the class to be made from again. */
export function hfObject(hfClass: string, target: Target, given: PyMap, set: PyMap = {}): PyMap {
  const { target: path, parts } = classOf(hfClass, target);
  const values: Record<string, PyValue> = { ...attributes(hfClass, target, given) };
  for (const [key, part] of Object.entries(parts)) {
    const own = given[key] ?? (isPyMap(values[key] ?? null) ? {} : null);
    if (isPyMap(own)) values[key] = hfNested(part, target, own);
  }
  Object.assign(values, set);
  if (target === '0.3.1') return { _call_: true, _target_: `${path}.from_dict`, config_dict: values };
  const { dtype } = values;
  return { _target_: path, ...values, dtype: typeof dtype === 'string' ? named(`torch.${dtype}`) : null };
}

/** A configuration inside another one, as run_config.yaml prints it. */
export function hfNested(hfClass: string, target: Target, given: PyMap): PyMap {
  const values = attributes(hfClass, target, given);
  if (target === '0.3.1') {
    const { transformers_version: _, ...rest } = values;
    return rest;
  }
  const { type, aliases } = classOf(hfClass, target);
  return {
    ...Object.fromEntries(Object.entries(values).filter(([key]) => !(key in aliases))),
    output_attentions: false,
    model_type: type,
    transformers_version: TABLES[target].version,
  };
}

/** A configuration as its own `to_dict` gives it, which a provider may hold as plain data; transformers 5. */
export function hfDict(hfClass: string, target: Target, given: PyMap, set: PyMap = {}): PyMap {
  const { type, aliases } = classOf(hfClass, target);
  const values = Object.entries({ ...attributes(hfClass, target, given), ...set });
  return {
    ...Object.fromEntries(values.filter(([key]) => !(key in aliases) && key !== 'transformers_version')),
    _name_or_path: '',
    output_attentions: false,
    model_type: type,
  };
}

/** The version of transformers, as it signs what it writes. */
export const transformersVersion = (target: Target): string => TABLES[target].version;

/** The base frequency of rotary embeddings that a class has where no configuration names one; null where it has none. */
export function thetaOf(hfClass: string, target: Target): number | null {
  return classOf(hfClass, target).theta;
}

/** `given` with each attribute under all the names that the class has for it. */
export function underAllNames(hfClass: string, target: Target, given: PyMap): PyMap {
  const out: Record<string, PyValue> = { ...given };
  for (const [alias, real] of Object.entries(classOf(hfClass, target).aliases)) {
    const value = given[real] ?? given[alias];
    if (value !== undefined) out[real] = out[alias] = value;
  }
  return out;
}

/** A GenerationConfig as run_config.yaml prints it; `given` is generation_config.json. */
export function generationObject(target: Target, given: PyMap): PyMap {
  const { generation = {}, version } = TABLES[target];
  return {
    _call_: true,
    _target_: 'transformers.generation.configuration_utils.GenerationConfig.from_dict',
    config_dict: { ...generation, ...given, transformers_version: version, trust_remote_code: true },
  };
}

/** What an object of the class holds when it is made from `given`. */
export function attributes(hfClass: string, target: Target, given: PyMap, path: string = hfClass): PyMap {
  const { forgotten } = TABLES[target];
  const { aliases, fields, theta } = classOf(hfClass, target);
  const out: Record<string, PyValue> = { ...classDefaults(hfClass, target) };
  const named = 'rope_parameters' in fields ? withRope(given, { ...fields, rope_theta: theta }) : given;
  for (const [name, value] of Object.entries(named)) {
    const key = aliases[name] ?? SPELLINGS[name] ?? name;
    if (FIXED[target].includes(key) || (forgotten.includes(key) && !(key in fields))) continue;
    if (target !== '0.3.1' && key.startsWith('_')) continue;
    out[key] = value;
    // A class may declare an attribute and read it under another name.
    for (const [alias, real] of Object.entries(aliases))
      if (real === key && alias in fields) out[alias] = value;
  }
  return withDerived(hfClass, target, withLabels(target, out, given), path);
}

/** What an object of the class holds when it is made from nothing, less what the class computes. */
export function classDefaults(hfClass: string, target: Target): PyMap {
  const { omit, fields } = classOf(hfClass, target);
  const base = Object.entries(classOf('PretrainedConfig', target).fields).filter(
    ([key]) => !omit.includes(key),
  );
  return withoutDerived(hfClass, target, { ...Object.fromEntries(base), ...fields });
}

const SPELLINGS: Readonly<Record<string, string>> = { torch_dtype: 'dtype' };
/** Set by the class and by transformers, or not printed, whatever config.json says. */
const FIXED: Readonly<Record<Target, readonly string[]>> = {
  '0.3.1': ['model_type', 'transformers_version'],
  '0.7.0': ['output_attentions', 'attn_implementation', 'experts_implementation', 'name_or_path'],
};

/** Rotary parameters in one map, as transformers 5 keeps them. */
function withRope(given: PyMap, defaults: PyMap): PyMap {
  const { rope_scaling: _, rope_theta: __, ...rest } = gatherRope(given, defaults);
  return isPyMap(rest['rope_parameters']) ? rest : given;
}

function classOf(name: string, target: Target): HfConfigClass {
  const found = TABLES[target].classes[name];
  if (found === undefined) {
    throw new NemotronError('INTERNAL', `no recorded defaults of ${name} for Bridge ${target}`);
  }
  return found;
}
