import {
  type ConfigValue,
  type MapNode,
  nodeFrom,
  problemKind,
  pythonFloat,
  pythonInt,
  setKey,
} from '@nemotron-convert/config';
import { NemotronError } from '@nemotron-convert/core';
import { usage } from '../argv/usage.js';

/** The words of a step, in the grammar of the Python tool's scripts. */
export interface StepWords {
  readonly config: string | undefined;
  readonly help: boolean;
  readonly rest: readonly string[];
}

/** `--config X` and `--help`, also abbreviated; everything else is left for the configuration. */
export function parseStepWords(words: readonly string[], command: string): StepWords {
  let config: string | undefined;
  let help = false;
  const rest: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (word === '--') {
      rest.push(...words.slice(at + 1));
      break;
    }
    const equals = word.indexOf('=');
    const name = equals === -1 ? word : word.slice(0, equals);
    if (name === '-h' || isAbbreviation(name, '--help')) help = true;
    else if (!isAbbreviation(name, '--config')) rest.push(word);
    else if (equals !== -1) config = word.slice(equals + 1);
    else {
      at += 1;
      config = words[at];
      if (config === undefined || config.startsWith('-')) throw usage('--config takes one argument', command);
    }
  }
  return { config, help, rest };
}

function isAbbreviation(word: string, flag: string): boolean {
  return word.length > 2 && flag.startsWith(word);
}

const NULLS: ReadonlySet<string> = new Set(['null', 'none', '~']);
const TRUES: ReadonlySet<string> = new Set(['true', 'yes', 'on']);
const FALSES: ReadonlySet<string> = new Set(['false', 'no', 'off']);

/** The value of a word: null, boolean, Python's int or float, else the text as it is. */
export function wordValue(text: string): ConfigValue {
  const lower = text.toLowerCase();
  if (NULLS.has(lower)) return null;
  if (TRUES.has(lower)) return true;
  if (FALSES.has(lower)) return false;
  return pythonInt(text) ?? pythonFloat(text) ?? text;
}

/**
 * Applies words to a configuration in place: `key=value` sets (lists by index too), `--flag` and `--no-flag` switch an
 * existing top-level key. What cannot be applied is ignored, as the Python tool does, and returned.
 */
export function applyStepWords(config: MapNode, words: readonly string[]): readonly string[] {
  const ignored: string[] = [];
  for (const [index, word] of words.entries()) {
    const origin = { source: { name: `word ${index + 1}`, text: word }, line: 1, column: 1 };
    if (word.startsWith('--')) {
      const isSet = !word.includes('=') && setFlag(config, word.slice(2).replaceAll('-', '_'), origin);
      if (!isSet) ignored.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    if (equals === -1 || word.startsWith('-')) {
      ignored.push(word);
      continue;
    }
    const value = nodeFrom(wordValue(word.slice(equals + 1)), origin);
    try {
      setKey(config, word.slice(0, equals), value);
    } catch (error) {
      if (!(error instanceof NemotronError) || problemKind(error) === undefined) throw error;
      ignored.push(word);
    }
  }
  return ignored;
}

/** Whether there is such a key. */
function setFlag(config: MapNode, name: string, origin: NonNullable<MapNode['origin']>): boolean {
  const negated = name.startsWith('no_') && config.entries.has(name.slice(3));
  const key = negated ? name.slice(3) : name;
  if (key.includes('.') || !config.entries.has(key)) return false;
  setKey(config, key, nodeFrom(!negated, origin));
  return true;
}
