import { type ConfigValue, pythonTruth } from '@nemotron-convert/config';

const TRUE_WORDS: ReadonlySet<string> = new Set(['1', 'true', 'yes', 'on']);

/** The truth of a boolean parameter: text is true only as 1, true, yes or on; null is false; the rest as Python has it. */
export function asBoolean(value: ConfigValue): boolean {
  return typeof value === 'string' ? TRUE_WORDS.has(value.toLowerCase()) : pythonTruth(value);
}
