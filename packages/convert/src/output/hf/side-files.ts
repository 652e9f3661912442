import { join } from 'node:path';
import { dumpPythonJson, isPyMap, type PyMap } from '@nemotron-convert/core';
import { isSideFile } from '../../source/side-files.js';
import type { Staging } from '../staging.js';

/**
 * Puts the files that another checkpoint of the same model has beside its weights into a new one: bytes as they are, but
 * for config.json's `quantization_config`, which the written weights do not have.
 */
export function putSideFiles(
  staging: Staging,
  from: { readonly dir: string; readonly config: PyMap; readonly names: ReadonlySet<string> },
): void {
  for (const name of [...from.names].filter(isSideFile).sort()) {
    const config = unquantised(from.config);
    if (name === 'config.json' && config !== from.config) {
      staging.putText(name, `${dumpPythonJson(config)}\n`);
    } else {
      staging.putCopy(join(from.dir, name), name);
    }
  }
}

/** A configuration without its `quantization_config`, which may stand with the language model's; itself where it has none. */
function unquantised(config: PyMap): PyMap {
  const text = config['text_config'] ?? null;
  if (isPyMap(text) && isPyMap(text['quantization_config'] ?? null)) {
    const { quantization_config: _, ...own } = text;
    return unquantised({ ...config, text_config: own });
  }
  if (!isPyMap(config['quantization_config'] ?? null)) return config;
  const { quantization_config: _, ...rest } = config;
  return rest;
}
