import { type ConfigValue, type Environment, pythonInt, pythonText } from '@nemotron-convert/config';
import type { NemotronError } from '@nemotron-convert/core';
import type { Settings } from '../settings.js';
import { asBoolean } from '../truth.js';

/** The sizes that lay out a checkpoint. */
export interface Sizes {
  readonly tp: number;
  readonly pp: number;
  readonly ep: number;
  readonly etp: number;
}

/** How the sizes are used: `single` lays out for one rank, whatever they are. */
export type Layout = 'single' | 'sized';

const ONE: Sizes = { tp: 1, pp: 1, ep: 1, etp: 1 };
/** Other names of the sizes, looked at where the first is absent or null. */
const NAMES = {
  tp: ['tp'],
  pp: ['pp'],
  cp: ['cp', 'context_parallel_size'],
  ep: ['ep', 'expert_model_parallel_size'],
  etp: ['etp', 'expert_tensor_parallel_size'],
} as const satisfies Record<string, readonly string[]>;
type SizeName = keyof typeof NAMES;

const RANKS_PER_NODE = ['torchrun.nproc_per_node', 'nproc_per_node', 'run.env.nprocs_per_node'];
const NODES = ['torchrun.nnodes', 'nnodes', 'run.env.nodes'];

/**
 * Decides whether the sizes are used. Where `distributed` asks for it, a launched job or a chosen number of ranks must
 * fit them, as the Python tool demands; otherwise one process does the work of as many ranks as they need. Throws
 * CONFIG_VALUE.
 */
export function readLayout(settings: Settings, env: Environment): Layout {
  const mode = settings.first(['distributed', 'use_distributed']);
  if (mode === undefined) return 'sized';
  if (!isDistributed(settings, mode.value, env)) return 'single';
  checkWorld(settings, env);
  return 'sized';
}

/** Where launchers say which rank a process is, and of how many: torchrun, then a Slurm step. */
const LAUNCHERS = [
  ['RANK', 'WORLD_SIZE'],
  ['SLURM_PROCID', 'SLURM_STEP_NUM_TASKS'],
] as const;

/** This process's place in a launched job; null when it runs alone. */
export function readRanks(env: Environment): { readonly rank: number; readonly world: number } | null {
  for (const [rankName, worldName] of LAUNCHERS) {
    const world = intOf(env[worldName] ?? null);
    const rank = intOf(env[rankName] ?? null);
    if (world !== undefined && rank !== undefined) return world > 1 ? { rank, world } : null;
  }
  return null;
}

/** The sizes themselves. Throws CONFIG_VALUE. */
export function readSizes(settings: Settings, layout: Layout): Sizes {
  if (layout === 'single') return ONE;
  return {
    tp: readSize(settings, 'tp'),
    pp: readSize(settings, 'pp'),
    ep: readSize(settings, 'ep'),
    etp: readSize(settings, 'etp'),
  };
}

function readSize(settings: Settings, name: keyof Sizes): number {
  const found = settings.first(NAMES[name]);
  if (found === undefined) {
    if (!settings.has(name)) return 1;
    throw settings.error(name, `${name} must be an integer, not null`, `use ${name}=1`, 'TypeError');
  }
  if (!settings.isChosen(found.key)) return 1;
  const size = intOf(found.value);
  if (size === undefined || size < 1) {
    throw settings.error(
      found.key,
      `${found.key}=${pythonText(found.value)}: expected an integer of at least 1`,
      `use ${found.key}=1, or a divisor of what it splits`,
    );
  }
  return size;
}

/** The sizes that somebody chose although one rank's layout has no use for them. */
export function unusedSizes(settings: Settings): string[] {
  return (['tp', 'pp', 'ep', 'etp'] as const).filter((name) => {
    const found = settings.first(NAMES[name]);
    return found !== undefined && settings.isChosen(found.key) && intOf(found.value) !== 1;
  });
}

function isDistributed(settings: Settings, value: ConfigValue, env: Environment): boolean {
  if (typeof value !== 'string' || value.toLowerCase() !== 'auto') return asBoolean(value);
  const { dense, expert } = products(settings);
  return env.WORLD_SIZE !== undefined || ranksPerNode(settings) > 1 || dense > 1 || expert > 1;
}

/** Whether the ranks can hold the sizes. Without a chosen number of ranks there is nothing to check. */
function checkWorld(settings: Settings, env: Environment): void {
  const world = worldSize(settings, env);
  if (world === undefined || world <= 1) return;
  const { dense, expert } = products(settings);
  // Launched ranks share the writing whatever the sizes; ranks that were only asked for would have nothing to do.
  if (dense <= 1 && expert <= 1 && dense >= 0 && env.WORLD_SIZE === undefined) {
    throw nothingSharded(settings, world);
  }
  if (dense === 0 || world % dense !== 0) throw indivisible(settings, world, 'tp*pp*cp', dense);
  if (expert > 1 && world % expert !== 0) throw indivisible(settings, world, 'etp*ep*pp', expert);
}

function worldSize(settings: Settings, env: Environment): number | undefined {
  if (env.WORLD_SIZE !== undefined) return intOf(env.WORLD_SIZE) ?? 1;
  const torchrun = settings.get('torchrun');
  if (torchrun !== null && !(torchrun instanceof Map)) {
    throw settings.error(
      'torchrun',
      'torchrun must be a map',
      'write torchrun.nproc_per_node=8',
      'TypeError',
    );
  }
  const chosen = [...RANKS_PER_NODE, ...NODES].some(
    (key) => settings.get(key) !== null && settings.isChosen(key),
  );
  if (!chosen) return undefined;
  return ranksPerNode(settings) * (intOf(settings.first(NODES)?.value ?? null) ?? 1);
}

function ranksPerNode(settings: Settings): number {
  const found = settings.first(RANKS_PER_NODE);
  return intOf(found?.value ?? null) ?? 1;
}

/** How many ranks the dense and the expert layers need. A size that is no number makes its product 1. */
function products(settings: Settings): { readonly dense: number; readonly expert: number } {
  return { dense: product(settings, ['tp', 'pp', 'cp']), expert: product(settings, ['etp', 'ep', 'pp']) };
}

function product(settings: Settings, names: readonly SizeName[]): number {
  let all = 1;
  for (const name of names) {
    const found = settings.first(NAMES[name]);
    const size = found === undefined || !settings.isChosen(found.key) ? 1 : intOf(found.value);
    if (size === undefined) return 1;
    all *= size;
  }
  return all;
}

function nothingSharded(settings: Settings, world: number): NemotronError {
  return settings.error(
    'distributed',
    `distributed=true has ${world} ranks, but no parallelism was configured: tp, pp, cp, ep and etp are all 1`,
    'set one of tp, pp, cp, ep or etp above 1, or torchrun.nproc_per_node=1, or distributed=false',
  );
}

function indivisible(settings: Settings, world: number, product: string, needed: number): NemotronError {
  const legal = Array.from({ length: world }, (_, index) => index + 1).filter((size) => world % size === 0);
  return settings.error(
    product.startsWith('tp') ? 'tp' : 'ep',
    `world size (${world}) must be divisible by ${product} (${needed})`,
    `use sizes with ${product} of ${legal.slice(0, 24).join(', ')}, or another number of ranks`,
  );
}

/** An integer as Python's int() makes it: of text, of a float (cut), of a boolean. */
export function intOf(value: ConfigValue): number | undefined {
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value);
  if (typeof value === 'number') return Number.isFinite(value) ? Math.trunc(value) : undefined;
  const int = typeof value === 'string' ? pythonInt(value) : undefined;
  return int === undefined ? undefined : Number(int);
}
