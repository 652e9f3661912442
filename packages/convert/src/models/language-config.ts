import { isPyMap, type PyMap, type PyValue, type TargetDtype } from '@nemotron-convert/core';
import type { ConfigRules, Family } from './family.js';
import { fillDefaults, HfConfig } from './hf-config.js';
import { withDerived, withoutDerived } from './hf-derived.js';
import { attributes, thetaOf, underAllNames } from './hf-object.js';
import { gatherRope } from './rope.js';
import type { Target } from './target.js';

/** config.json as its language model's class sees it: its own part, with the defaults of the class. */
export function languageConfig(
  config: HfConfig,
  family: Family,
  rules: ConfigRules,
  target: Target,
): HfConfig {
  const hfClass = textClassOf(family, config.values, target);
  const given = textPart(config.values, family.text);
  const own = hfClass === undefined ? given : underAllNames(hfClass, target, given);
  const defaults = { ...recorded(hfClass, target), ...family.defaults, ...rules.defaults };
  const read = target === '0.3.1' ? own : gatherRope(own, defaults);
  const filled = fillDefaults(read, config.path, defaults, family.fallbacks);
  if (hfClass === undefined) return filled;
  return new HfConfig(withDerived(hfClass, target, filled.values, filled.path), filled.path);
}

function textClassOf({ textClass }: Family, config: PyMap, target: Target): string | undefined {
  return typeof textClass === 'function' ? textClass(config, target) : textClass;
}

function recorded(hfClass: string | undefined, target: Target): PyMap {
  if (hfClass === undefined) return {};
  const theta = thetaOf(hfClass, target);
  return {
    ...(theta === null ? {} : { rope_theta: theta }),
    ...withoutDerived(hfClass, target, attributes(hfClass, target, {})),
  };
}

/** The language model's part of a larger model's config.json; its keys may also stand beside the other parts. */
function textPart(config: PyMap, key: string | undefined): PyMap {
  let part = config;
  for (const name of key?.split('.') ?? []) {
    const inner = part[name];
    if (!isPyMap(inner)) return part;
    part = inner;
  }
  return part;
}

/**
 * config.json as if it had always named `dtype`: wherever the whole model or a part down to the language model's names
 * one, and for the whole model where none does.
 */
export function inDtype(config: PyMap, text: string | undefined, dtype: TargetDtype): PyMap {
  return renamed(config, text?.split('.') ?? [], dtype) ?? { ...config, dtype };
}

/** The map with its own dtypes replaced; null where it names none. */
function renamed(config: PyMap, [key, ...inner]: readonly string[], dtype: TargetDtype): PyMap | null {
  const { torch_dtype: _, ...values } = config;
  const own = 'dtype' in config || 'torch_dtype' in config;
  const part = key === undefined ? null : (config[key] ?? null);
  const within = key !== undefined && isPyMap(part) ? renamed(part, inner, dtype) : null;
  if (!own && within === null) return null;
  const out: Record<string, PyValue> = own ? { ...values, dtype } : { ...values };
  if (key !== undefined && within !== null) out[key] = within;
  return out;
}
