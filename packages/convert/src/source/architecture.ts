import { NemotronError } from '@nemotron-convert/core';
import type { Source } from './open.js';

/** The architecture's class name. Throws SOURCE_CONFIG_INVALID when config.json names none. */
export function architectureOf(source: Source): string {
  const list = source.config['architectures'];
  const name = Array.isArray(list) ? list[0] : undefined;
  if (typeof name === 'string') return name;
  throw new NemotronError('SOURCE_CONFIG_INVALID', `${source.configPath}: architectures names no class`, {
    facts: { path: source.configPath, key: 'architectures' },
  });
}
