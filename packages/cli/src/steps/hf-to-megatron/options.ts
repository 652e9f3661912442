import { type Environment, pythonText } from '@nemotron-convert/config';
import type { ConvertOptions } from '@nemotron-convert/convert';
import { readDtype } from '../dtype.js';
import { extensionOptions } from '../extensions.js';
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
      ...extensionOptions(settings, extensions, EXTENSION_NAMES),
      origins: originsOf(settings, extensions),
    },
    idle: layout === 'single' && ranks !== null && ranks.rank > 0 ? ranks.rank : null,
    notes,
  };
}

/** The converter that Python configurations name is not used, but a wrong shape is still a mistake. */
export function checkScript(settings: Settings): void {
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

/** Other names of parameters, the stronger first. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  hf_model_id: ['hf_model_id', 'hf_model'],
  dtype: ['dtype', 'torch_dtype'],
  ep: ['ep', 'expert_model_parallel_size'],
  etp: ['etp', 'expert_tensor_parallel_size'],
};
const PLACED = ['hf_model_id', 'megatron_path', 'dtype', 'tp', 'pp', 'ep', 'etp', 'trust_remote_code'];

/** Where the parameters were chosen that somebody chose. */
function originsOf(settings: Settings, extensions: readonly Parameter[]): Record<string, string> {
  const names = [...PLACED, ...extensions.map(({ name }) => name)];
  return Object.fromEntries(
    names.flatMap((name) => {
      const keys = (ALIASES[name] ?? [name]).filter((key) => settings.get(key) !== null);
      const key = keys.find((given) => settings.isOverride(given)) ?? keys[0];
      const place = key === undefined ? undefined : settings.placeOf(key);
      return place === undefined ? [] : [[name, place] as const];
    }),
  );
}

const EXTENSION_NAMES: Readonly<Record<string, keyof ConvertOptions>> = {
  fresh: 'fresh',
  hash: 'hash',
  keep_source: 'keepSource',
  memory: 'memory',
  read_mode: 'readMode',
  stream: 'stream',
  target: 'target',
  threads: 'threads',
  verify: 'verify',
  write_mode: 'writeMode',
  zero_copy: 'zeroCopy',
};
