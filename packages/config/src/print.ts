import { dumpPythonYaml } from '@nemotron-convert/core';
import { pythonFloat, pythonInt } from './python-number.js';
import type { ConfigValue } from './tree.js';

const BOOLEAN_WORDS: ReadonlySet<string> = new Set(
  ['y', 'yes', 'n', 'no', 'true', 'false', 'on', 'off'].flatMap((word) => [
    word,
    word.charAt(0).toUpperCase() + word.slice(1),
    word.toUpperCase(),
  ]),
);

/** Writes a config as OmegaConf does: text that Python would read as a boolean or number is quoted. */
export function printYaml(value: ConfigValue): string {
  return dumpPythonYaml(value, { quoted: needsQuotes });
}

function needsQuotes(text: string): boolean {
  return BOOLEAN_WORDS.has(text) || pythonInt(text) !== undefined || pythonFloat(text) !== undefined;
}
