import { type ConfigValue, pythonText } from '@nemotron-convert/config';
import type { Parameter } from './manifest.js';
import type { Settings } from './settings.js';
import { asBoolean } from './truth.js';

type Reader = (settings: Settings, parameter: Parameter) => string | number | boolean;
const READERS: Readonly<Record<string, Reader>> = {
  text: readText,
  size: readCount,
  bytes: readBytes,
  switch: (settings, { name }) => asBoolean(settings.get(name)),
};

/** The parameters beyond the Python tool's, by the manifest's table; `names` are the library's for them. */
export function extensionOptions<Options>(
  settings: Settings,
  extensions: readonly Parameter[],
  names: Readonly<Record<string, keyof Options>>,
): Partial<Options> {
  const entries = extensions.flatMap((parameter) => {
    const option = names[parameter.name];
    const reader = READERS[parameter.type ?? 'text'];
    if (option === undefined || reader === undefined || settings.get(parameter.name) === null) return [];
    return [[option, reader(settings, parameter)] as const];
  });
  return Object.fromEntries(entries) as Partial<Options>;
}

function readText(settings: Settings, { name, choices }: Parameter): string {
  const legal = choices.map((choice) => pythonText(choice));
  const value = settings.get(name);
  // YAML reads the word off as false.
  const text = value === false && legal.includes('off') ? 'off' : pythonText(value);
  if (legal.length === 0 || legal.includes(text)) return text;
  throw settings.error(
    name,
    `${name}=${text}: expected one of ${legal.join(', ')}`,
    `use ${name}=${legal[0]}`,
  );
}

/** A whole number of at least 1. */
export function readCount(settings: Settings, { name }: Pick<Parameter, 'name'>): number {
  const count = Number(scalar(settings.get(name)));
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw settings.error(name, `${name} must be an integer of at least 1`, `use ${name}=1 or more`);
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/** A size with or without a unit, in bytes. */
export function readBytes(settings: Settings, { name }: Pick<Parameter, 'name'>): number {
  const text = String(scalar(settings.get(name)));
  const [, count = '', unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*$/.exec(text) ?? [];
  const factor = UNITS[unit.toLowerCase()];
  if (count !== '' && factor !== undefined) return Math.floor(Number(count) * factor);
  throw settings.error(name, `${name}=${text}: expected a size such as 512MiB or 1GB`, `use ${name}=512MiB`);
}

function scalar(value: ConfigValue): string | number | bigint | boolean | null {
  return typeof value === 'object' ? null : value;
}
