import { type Environment, pythonText } from '@nemotron-convert/config';
import type { ExportOptions } from '@nemotron-convert/convert';
import { readDtype } from '../dtype.js';
import { extensionOptions } from '../extensions.js';
import { checkScript } from '../hf-to-megatron/options.js';
import { intOf, readLayout, readRanks, readSizes, type Sizes } from '../hf-to-megatron/world.js';
import type { Parameter } from '../manifest.js';
import type { Settings } from '../settings.js';
import { asBoolean } from '../truth.js';

/** What the step was asked to do, checked. */
export interface MegatronToHf {
  /** The sizes only have to fit the ranks: checkpoints of any sizes are read. */
  readonly options: ExportOptions & Sizes;
  readonly showProgress: boolean;
  /** A rank that has nothing to do. */
  readonly idle: number | null;
}

type RankOf = NonNullable<ExportOptions['ranks']>;

const EXTENSION_NAMES: Readonly<Record<string, keyof ExportOptions>> = {
  fresh: 'fresh',
  max_shard_size: 'maxShardSize',
  memory: 'memory',
  read_mode: 'readMode',
  threads: 'threads',
  verify: 'verify',
  write_mode: 'writeMode',
};

/** Reads and checks the parameters, in the order of the Python tool's step. Throws CONFIG_VALUE. */
export function readOptions(
  settings: Settings,
  extensions: readonly Parameter[],
  env: Environment,
): MegatronToHf {
  const layout = readLayout(settings, env);
  checkScript(settings);
  const hfModelId = settings.required(layout === 'sized' ? ['hf_model_id', 'hf_model'] : ['hf_model_id']);
  const megatronPath = settings.required(['megatron_path']);
  const hfPath = settings.required(['hf_path']);
  const sizes = readSizes(settings, layout);
  const launched = readRanks(env);
  const sharing = layout === 'sized' ? savers(settings, launched) : alone(launched);
  const dtype = readDtype(settings);
  return {
    options: {
      megatronPath,
      hfModelId,
      hfPath,
      ...sizes,
      ranks: sharing.ranks,
      trustRemoteCode: flag(settings, 'trust_remote_code'),
      strict: flag(settings, 'strict'),
      ...(dtype === undefined ? {} : { dtype }),
      ...extensionOptions<ExportOptions>(settings, extensions, EXTENSION_NAMES),
    },
    showProgress: flag(settings, 'show_progress'),
    idle: sharing.idle,
  };
}

interface Sharing {
  readonly ranks: RankOf | null;
  readonly idle: number | null;
}

/** Rank 0 does everything. */
function alone(launched: RankOf | null): Sharing {
  return { ranks: null, idle: launched !== null && launched.rank > 0 ? launched.rank : null };
}

/** Of launched ranks every n-th takes a share of the files. */
function savers(settings: Settings, launched: RankOf | null): Sharing {
  const every = interval(settings);
  if (launched === null || !flag(settings, 'distributed_save')) return alone(launched);
  const { rank, world } = launched;
  if (rank % every !== 0) return { ranks: null, idle: rank };
  return { ranks: { rank: rank / every, world: Math.ceil(world / every) }, idle: null };
}

function interval(settings: Settings): number {
  const value = settings.get('save_every_n_ranks');
  if (value === null) return 1;
  const every = intOf(value);
  if (every !== undefined && every >= 1) return every;
  throw settings.error(
    'save_every_n_ranks',
    `save_every_n_ranks=${pythonText(value)}: expected an integer of at least 1`,
    'use save_every_n_ranks=1',
  );
}

/** A switch that is on where nobody says otherwise. */
function flag(settings: Settings, name: string): boolean {
  return settings.has(name) ? asBoolean(settings.get(name)) : true;
}
