import {
  type ConfigMap,
  type ConfigValue,
  describeOrigin,
  isSensitive,
  printYaml,
} from '@nemotron-convert/config';
import type { Settings } from '../steps/settings.js';
import { columns } from './table.js';

const MASK = '******';

/** A value of a configuration by its full key, with where it comes from. */
interface Row {
  readonly key: string;
  readonly value: ConfigValue;
  readonly origin: string;
}

/** A line each value: key, value as YAML, and the place, override or variable that it comes from. */
export function originsText(settings: Settings): string {
  const rows = rowsOf(settings).map(({ key, value, origin }) => [key, scalarText(value), origin]);
  return `${columns([['key', 'value', 'from'], ...rows], Number.POSITIVE_INFINITY)}\n`;
}

export function originsJson(settings: Settings): readonly Row[] {
  return rowsOf(settings);
}

function rowsOf(settings: Settings): Row[] {
  return leaves(settings.values, '').map(([key, value, isSecret]) => ({
    key,
    value: isSecret ? MASK : value,
    origin: originOf(settings, key),
  }));
}

/** Values that are no maps, by full key; lists stay whole. */
function leaves(values: ConfigMap, prefix: string): [key: string, value: ConfigValue, isSecret: boolean][] {
  return [...values].flatMap(([name, value]) => {
    const key = `${prefix}${String(name)}`;
    if (value instanceof Map && value.size > 0) return leaves(value, `${key}.`);
    return [[key, value, isSensitive(String(name)) && typeof value === 'string' && value !== '']];
  });
}

function originOf({ origins }: Settings, key: string): string {
  const found = origins.get(key);
  if (found?.origin === undefined) return '';
  const set = [...found.variables].filter(([, isSet]) => isSet).map(([name]) => name);
  const unset = [...found.variables].filter(([, isSet]) => !isSet).map(([name]) => name);
  const notes = [
    ...(set.length > 0 ? [`from ${set.join(', ')}`] : []),
    ...(unset.length > 0 ? [`${unset.join(', ')} not set`] : []),
  ];
  return `${describeOrigin(found.origin)}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
}

/** On one line, as it could be given on the command line. */
function scalarText(value: ConfigValue): string {
  if (Array.isArray(value)) return `[${value.map(scalarText).join(', ')}]`;
  if (value instanceof Map) {
    return `{${[...value].map(([key, item]) => `${String(key)}: ${scalarText(item)}`).join(', ')}}`;
  }
  return printYaml(new Map([['v', value]]))
    .slice(2)
    .trim()
    .replace(/\n\s*/g, ' ');
}
