import { type ConfigValue, type Environment, pythonText } from '@nemotron-convert/config';
import type { ConvertOptions } from '@nemotron-convert/convert';
import { TARGET_DTYPES, type TargetDtype } from '@nemotron-convert/core';
import type { Parameter } from '../manifest.js';
import type { Settings } from '../settings.js';
import { asBoolean } from '../truth.js';
import { readLayout, readRanks, readSizes, type Sizes, unusedSizes } from './world.js';

/** What the step was asked to do, checked. */
export interface HfToMegatron {
  readonly options: ConvertOptions & Sizes;
  /** A rank that has nothing to do: one rank writes everything. */
  readonly idle: number | null;
  readonly notes: readonly string[];
}

/** Reads and checks the parameters, in the order of the Python tool's step. Throws CONFIG_VALUE. */
export function readOptions(
  settings: Settings,
  extensions: readonly Parameter[],
  env: Environment,
): HfToMegatron {
  const layout = readLayout(settings, env);
  checkScript(settings);
  const hfModelId = settings.required(layout === 'sized' ? ['hf_model_id', 'hf_model'] : ['hf_model_id']);
  const megatronPath = settings.required(['megatron_path']);
  const sizes = readSizes(settings, layout);
  const unused = layout === 'single' ? unusedSizes(settings) : [];
  const notes =
    unused.length === 0 ? [] : [`distributed=false lays out for one rank; not used: ${unused.join(', ')}`];
  const ranks = readRanks(env);
  return {
    options: {
      hfModelId,
      megatronPath,
      ...sizes,
      ranks: layout === 'single' ? null : ranks,
      ...optional(settings),
      ...extensionOptions(settings, extensions),
    },
    idle: layout === 'single' && ranks !== null && ranks.rank > 0 ? ranks.rank : null,
    notes,
  };
}

/** The converter that Python configurations name is not used, but a wrong shape is still a mistake. */
function checkScript(settings: Settings): void {
  const script = settings.get('script');
  if (script !== null && !(script instanceof Map)) {
    throw settings.error('script', 'script must be a map', 'leave it out: it is not used here', 'TypeError');
  }
}

function optional(settings: Settings): Partial<ConvertOptions> {
  const dtype = readDtype(settings);
  const device = settings.get('device_map');
  const trust = settings.get('trust_remote_code');
  return {
    ...(dtype === undefined ? {} : { dtype }),
    ...(device === null || device === '' ? {} : { deviceMap: pythonText(device) }),
    ...(trust === null ? {} : { trustRemoteCode: asBoolean(trust) }),
  };
}

/** `dtype` and `torch_dtype` are one parameter: the one on the command line wins, otherwise `dtype`. */
function readDtype(settings: Settings): TargetDtype | undefined {
  const given = ['dtype', 'torch_dtype'].filter(
    (key) => settings.get(key) !== null && settings.get(key) !== '',
  );
  const key = given.find((name) => settings.isOverride(name)) ?? given[0];
  if (key === undefined) return undefined;
  const text = pythonText(settings.get(key));
  const found = TARGET_DTYPES.find((name) => name === text);
  if (found !== undefined) return found;
  const choices = TARGET_DTYPES.join(', ');
  throw settings.error(
    key,
    `Unsupported torch dtype '${text}'; choose one of ${choices}`,
    `use ${key}=bfloat16`,
  );
}

const EXTENSION_NAMES: Readonly<Record<string, keyof ConvertOptions>> = {
  fresh: 'fresh',
  keep_source: 'keepSource',
  memory: 'memory',
  read_mode: 'readMode',
  stream: 'stream',
  target: 'target',
  threads: 'threads',
  verify: 'verify',
  write_mode: 'writeMode',
};

type Reader = (settings: Settings, parameter: Parameter) => string | number | boolean;
const READERS: Readonly<Record<string, Reader>> = {
  text: readText,
  size: readCount,
  bytes: readBytes,
  switch: (settings, { name }) => asBoolean(settings.get(name)),
};

/** The parameters beyond the Python tool's, by the manifest's table. */
function extensionOptions(settings: Settings, extensions: readonly Parameter[]): Partial<ConvertOptions> {
  const entries = extensions.flatMap((parameter) => {
    const option = EXTENSION_NAMES[parameter.name];
    const reader = READERS[parameter.type ?? 'text'];
    if (option === undefined || reader === undefined || settings.get(parameter.name) === null) return [];
    return [[option, reader(settings, parameter)] as const];
  });
  return Object.fromEntries(entries) as Partial<ConvertOptions>;
}

function readText(settings: Settings, { name, choices }: Parameter): string {
  const text = pythonText(settings.get(name));
  const legal = choices.map((choice) => pythonText(choice));
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
