import { availableParallelism } from 'node:os';
import { resolve, sep } from 'node:path';
import { NemotronError, type OnProgress } from '@nemotron-convert/core';
import type { ConvertOptions } from '../options.js';
import { sourceBytes } from '../source/size.js';
import { type Context, type ConvertReport, convert } from './convert.js';
import { EngineBudget } from './engine-budget.js';
import { isConverted } from './plan.js';
import { Turns } from './turns.js';

/** What all conversions together may use. */
export interface Budget {
  /** Conversions at a time: some are planned while others wait for the disk. Default 16, of which 4 may be large. */
  readonly concurrent?: number;
  /** Threads of the engine for all conversions together. Default: four a processor, 8 at least. */
  readonly threads?: number;
  /** Bytes for the buffers of all conversions together. Default 256 MiB. */
  readonly memory?: number;
  /** Bytes that may be written; a conversion that does not fit is a failure, the others go on. Default: no limit. */
  readonly disk?: number;
}

export interface ManyContext extends Omit<Context, 'admit' | 'lease' | 'onProgress'> {
  /** Called as a conversion begins and, with its outcome, as it ends. */
  readonly onModel?: (options: ConvertOptions, outcome: Outcome | null) => void;
  /** The events of one conversion, told apart by its options. */
  readonly onProgress?: (options: ConvertOptions, event: Parameters<OnProgress>[0]) => void;
}

/** What became of one conversion. `present`: an earlier call had finished this very conversion. */
export type Outcome =
  | { readonly status: 'converted'; readonly options: ConvertOptions; readonly report: ConvertReport }
  | { readonly status: 'present'; readonly options: ConvertOptions }
  | { readonly status: 'failed'; readonly options: ConvertOptions; readonly error: NemotronError };

export interface ManyReport {
  /** In the order of the requests. */
  readonly outcomes: readonly Outcome[];
  readonly converted: number;
  readonly present: number;
  readonly failed: number;
  readonly bytesWritten: number;
  readonly seconds: number;
}

const CONCURRENT = 16;
/** The plan of a large model takes memory, and its files much of the disk's time. */
const LARGE_BYTES = 2 ** 30;
const LARGE_AT_A_TIME = 4;
/**
 * Small ones that are planned at a time. All at once, they would come to the disk together too, and the processor and the
 * disk would wait for each other by turns.
 */
const PLANNED_AT_A_TIME = 2;
const FEWEST_THREADS = 8;
const MEMORY = 256 * 2 ** 20;
/** A worker's buffers. */
const LEAST_MEMORY = 16 * 2 ** 20;

/**
 * Converts many models under one budget, the largest first, so that small ones fill the time that is left beside them.
 * A failure ends its own conversion only. Called again, it goes on: finished checkpoints are left as they are,
 * unfinished ones continue. Throws OPTION_INVALID when two conversions would write to the same place, and INTERRUPTED
 * when the signal ends it.
 */
export async function convertMany(
  requests: readonly ConvertOptions[],
  budget: Budget = {},
  context: ManyContext = {},
): Promise<ManyReport> {
  const began = performance.now();
  refuseSharedTargets(requests);
  const concurrent = Math.min(limit('concurrent', budget.concurrent ?? CONCURRENT, 1), requests.length);
  const engine = engineOf(budget);
  const disk = new DiskBudget(budget.disk ?? Number.POSITIVE_INFINITY);
  const planning = new Turns(PLANNED_AT_A_TIME);
  const outcomes = new Map<ConvertOptions, Outcome>();
  const queue = new Queue(await bySize(requests));

  const work = async (): Promise<void> => {
    for (let next = queue.take(); next !== undefined; next = queue.take()) {
      const { options } = next;
      const endTurn = isLarge(next) ? () => undefined : await planning.begin();
      try {
        if (context.signal?.aborted === true) throw new NemotronError('INTERRUPTED', 'interrupted');
        context.onModel?.(options, null);
        const lease = (bytes: number) => {
          endTurn();
          return engine.lease(bytes);
        };
        const outcome = await convertOne(options, lease, disk, context);
        queue.done(next);
        outcomes.set(options, outcome);
        context.onModel?.(options, outcome);
      } finally {
        endTurn();
      }
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: concurrent }, work));
  const stopped = workers.find((worker) => worker.status === 'rejected');
  if (stopped !== undefined) throw stopped.reason;

  const ordered = requests.flatMap((options) => outcomes.get(options) ?? []);
  const count = (status: Outcome['status']) => ordered.filter((outcome) => outcome.status === status).length;
  return {
    outcomes: ordered,
    converted: count('converted'),
    present: count('present'),
    failed: count('failed'),
    bytesWritten: ordered.reduce(
      (sum, outcome) => sum + (outcome.status === 'converted' ? outcome.report.bytesWritten : 0),
      0,
    ),
    seconds: (performance.now() - began) / 1000,
  };
}

async function convertOne(
  options: ConvertOptions,
  lease: NonNullable<Context['lease']>,
  disk: DiskBudget,
  { onProgress, onModel: _, ...context }: ManyContext,
): Promise<Outcome> {
  let reserved = 0;
  const admit = (bytes: number) => {
    disk.reserve(bytes);
    reserved = bytes;
  };
  const own: Context = {
    ...context,
    admit,
    lease,
    ...(onProgress === undefined ? {} : { onProgress: (event) => onProgress(options, event) }),
  };
  try {
    return { status: 'converted', options, report: await convert(options, own) };
  } catch (cause) {
    if (context.signal?.aborted === true) throw cause;
    disk.release(reserved);
    const error = asNemotronError(cause);
    if (error.code === 'TARGET_EXISTS' && (await isConverted(options, context).catch(() => false))) {
      return { status: 'present', options };
    }
    return { status: 'failed', options, error };
  }
}

/** As many threads as were given, and as the memory pays for. */
function engineOf(budget: Budget): EngineBudget {
  const memory = limit('memory', budget.memory ?? MEMORY, LEAST_MEMORY);
  const wanted = budget.threads ?? Math.max(4 * availableParallelism(), FEWEST_THREADS);
  const threads = Math.min(limit('threads', wanted, 1), Math.floor(memory / LEAST_MEMORY));
  return new EngineBudget(threads, memory);
}

function limit(name: keyof Budget, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new NemotronError(
    'OPTION_INVALID',
    `budget ${name}=${value}: expected a whole number of at least ${least}`,
    {
      facts: { option: name, found: value, expected: least },
    },
  );
}

/** Bytes that may still be written. */
class DiskBudget {
  #left: number;

  constructor(private readonly total: number) {
    this.#left = total;
  }

  reserve(bytes: number): void {
    if (bytes > this.#left) {
      throw new NemotronError(
        'TARGET_BUDGET',
        `the checkpoint has ${bytes} bytes, and of the budget's ${this.total} there are ${this.#left} left`,
        { facts: { needed: bytes, left: this.#left, budget: this.total } },
      );
    }
    this.#left -= bytes;
  }

  release(bytes: number): void {
    this.#left += bytes;
  }
}

interface Sized {
  readonly options: ConvertOptions;
  readonly bytes: number;
}

/** Hands out the largest first, but only some of the large ones at a time. */
class Queue {
  #large = 0;

  constructor(private readonly left: Sized[]) {}

  /** Undefined when nothing is left that may begin; who has a large one comes back for the next. */
  take(): Sized | undefined {
    const at = this.#large < LARGE_AT_A_TIME ? 0 : this.left.findIndex((next) => !isLarge(next));
    const [next] = at < 0 ? [] : this.left.splice(at, 1);
    if (next !== undefined && isLarge(next)) this.#large += 1;
    return next;
  }

  done(one: Sized): void {
    if (isLarge(one)) this.#large -= 1;
  }
}

function isLarge({ bytes }: Sized): boolean {
  return bytes >= LARGE_BYTES;
}

/** Largest first; models of the Hub, whose size is not known yet, before all others. */
async function bySize(requests: readonly ConvertOptions[]): Promise<Sized[]> {
  const sized = await Promise.all(
    requests.map(async (options) => ({ options, bytes: await sourceBytes(options.hfModelId) })),
  );
  return sized.sort((a, b) => (a.bytes === b.bytes ? 0 : b.bytes - a.bytes));
}

function refuseSharedTargets(requests: readonly ConvertOptions[]): void {
  const taken = new Map<string, ConvertOptions>();
  const paths = requests.map((options) => resolve(options.megatronPath));
  for (const [at, path] of [...paths.entries()].sort(([, a], [, b]) => (a < b ? -1 : 1))) {
    const options = requests[at] as ConvertOptions;
    const around = [...ancestors(path)].find((ancestor) => taken.has(ancestor));
    if (around !== undefined) {
      const other = taken.get(around)?.hfModelId;
      throw new NemotronError(
        'OPTION_INVALID',
        `${options.hfModelId} and ${other} would be written to ${around === path ? path : `${path} inside ${around}`}`,
        { facts: { option: 'megatron_path', found: path, sources: [other, options.hfModelId] } },
      );
    }
    taken.set(path, options);
  }
}

/** The path and every directory around it. */
function* ancestors(path: string): Generator<string> {
  yield path;
  for (let at = path.lastIndexOf(sep); at > 0; at = path.lastIndexOf(sep, at - 1)) yield path.slice(0, at);
}

function asNemotronError(cause: unknown): NemotronError {
  if (cause instanceof NemotronError) return cause;
  return new NemotronError('INTERNAL', cause instanceof Error ? cause.message : String(cause), { cause });
}
