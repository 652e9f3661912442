import { isPyMap, NemotronError } from '@nemotron-convert/core';
import type { Source } from './open.js';

/**
 * The architecture's class name: that of `auto_map.AutoModelForCausalLM`, which the Bridge looks at first, or else the
 * first of `architectures`. Throws SOURCE_CONFIG_INVALID when config.json names none.
 */
export function architectureOf(source: Pick<Source, 'config' | 'configPath'>): string {
  const autoMap = source.config['auto_map'] ?? null;
  const remote = isPyMap(autoMap) ? autoMap['AutoModelForCausalLM'] : undefined;
  if (typeof remote === 'string') return remote.slice(remote.lastIndexOf('.') + 1);
  const list = source.config['architectures'];
  const name = Array.isArray(list) ? list[0] : undefined;
  if (typeof name === 'string') return name;
  throw new NemotronError('SOURCE_CONFIG_INVALID', `${source.configPath}: architectures names no class`, {
    facts: { path: source.configPath, key: 'architectures' },
  });
}
