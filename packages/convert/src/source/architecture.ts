import { isPyMap, NemotronError } from '@nemotron-convert/core';
import type { Source } from './open.js';

/** Names of classes that hold a whole model, as the Bridge knows them; others of a list are bodies and adapters. */
const WHOLE =
  /(ForCausalLM|ForConditionalGeneration|ForTokenClassification|ModelLM|DiffusionModel|OmniModel|_VL_V2|_Reasoning_V3)$/;

/**
 * The architecture's class name: that of `auto_map.AutoModelForCausalLM`, which the Bridge looks at first, or else the
 * first of `architectures` that is a whole model. Throws SOURCE_CONFIG_INVALID when config.json names none.
 */
export function architectureOf(source: Pick<Source, 'config' | 'configPath'>): string {
  const autoMap = source.config['auto_map'] ?? null;
  const remote = isPyMap(autoMap) ? autoMap['AutoModelForCausalLM'] : undefined;
  if (typeof remote === 'string') return remote.slice(remote.lastIndexOf('.') + 1);
  const list = source.config['architectures'];
  const names = Array.isArray(list) ? list.filter((item) => typeof item === 'string') : [];
  const name = names.find((item) => WHOLE.test(item)) ?? names[0];
  if (name !== undefined) return name;
  throw new NemotronError('SOURCE_CONFIG_INVALID', `${source.configPath}: architectures names no class`, {
    facts: { path: source.configPath, key: 'architectures' },
  });
}
