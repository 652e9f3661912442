import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isPyMap, type PyMap, parsePythonJson } from '@nemotron-convert/core';

/** generation_config.json of a checkpoint; null where there is none that can be read, as transformers has it. */
export function readGenerationConfig(dir: string): PyMap | null {
  const path = join(dir, 'generation_config.json');
  if (!existsSync(path)) return null;
  try {
    const given = parsePythonJson(readFileSync(path, 'utf8'));
    return isPyMap(given) ? given : null;
  } catch {
    return null;
  }
}
