import { NemotronError } from '@nemotron-convert/core';
import {
  type ExecuteOptions,
  type ExecuteReport,
  execute,
  type Findings,
  type LoadedPlan,
  planBuffers,
} from '@nemotron-convert/native';
import type { ResolvedOptions } from '../options.js';
import { Staging } from '../output/staging.js';
import { refuseContent } from '../output/target-path.js';
import type { Context } from './convert.js';
import type { Lease } from './engine-budget.js';
import { executeFetching, type Fetching } from './fetching.js';
import { type Download, requireSpace } from './space.js';

/** How the engine is to work, whatever it writes. */
export type WriteOptions = Pick<
  ResolvedOptions,
  'compute' | 'fresh' | 'memory' | 'ranks' | 'readMode' | 'threads' | 'verify' | 'writeMode'
> &
  Pick<ExecuteOptions, 'zeroCopy'>;

/** A checkpoint to write: its plan, and what belongs to it besides. */
export interface Writing {
  readonly plan: LoadedPlan;
  /** Identity of the plan and its sources. */
  readonly digest: string;
  /** Absolute path of the directory to create. */
  readonly target: string;
  readonly options: WriteOptions;
  /** What the plan reads of a model on the Hub. */
  readonly download?: Download & Pick<Fetching, 'stream'>;
  /** Puts in everything that the engine does not write. */
  readonly complete: (staging: Staging) => Promise<void> | void;
  /** Looks for faults in what is about to be published. */
  readonly check: (staging: Staging) => Promise<Findings>;
  /** Puts in what tells of the rest, once that was found sound. */
  readonly record?: (staging: Staging, verifySeconds: number) => Promise<void>;
  /** Whether the target is this very checkpoint already, written by other ranks. */
  readonly isPublished: () => Promise<boolean>;
}

/** What this process has done for a checkpoint. */
export interface Written {
  /** False for a rank that has finished before others: the last one publishes. */
  readonly published: boolean;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** What of them the filesystem took over from the source without writing it. */
  readonly bytesShared: number;
  /** Payload bytes that an interrupted run had finished. */
  readonly bytesResumed: number;
  /** Seconds of the engine, of the verification, and of what makes a checkpoint of it: side files, waits for the disk. */
  readonly phases: Readonly<Record<'convert' | 'verify' | 'publish', number>>;
  readonly threads: number;
  /** What computed: `cpu`, or the names of GPUs. */
  readonly compute: string;
  /** Why the CPU did although it was not asked to; null otherwise. */
  readonly computeReason: string | null;
  readonly readMode: string;
  readonly writeMode: string;
}

/** Bytes that one of many conversions writes again after a kill rather than note them as they get done: each note waits for the disk. */
const UNNOTED = 64 * 2 ** 20;

const NOTHING: Written = {
  published: false,
  phases: { convert: 0, verify: 0, publish: 0 },
  bytesRead: 0,
  bytesWritten: 0,
  bytesShared: 0,
  bytesResumed: 0,
  threads: 0,
  compute: 'none',
  computeReason: null,
  readMode: 'none',
  writeMode: 'none',
};

/**
 * Executes a plan in a directory beside the target, completes and verifies what it made, and gives it its name: the target
 * appears whole or not at all, and the same call goes on from what an interrupted one has done.
 */
export async function writeCheckpoint(writing: Writing, context: Context): Promise<Written> {
  const { options, isPublished } = writing;
  if (options.ranks === null) return work(writing, context);
  // No work is left, and no failure counts, once the other ranks have published the checkpoint.
  if (await isPublished()) return NOTHING;
  try {
    return await work(writing, context);
  } catch (error) {
    if (await isPublished()) return NOTHING;
    throw error;
  }
}

async function work(writing: Writing, context: Context): Promise<Written> {
  const { plan, digest, target, options, download } = writing;
  const emit = context.onProgress ?? (() => undefined);
  const bytes = plan.files.reduce((sum, file) => sum + file.bytes, 0);
  context.admit?.(bytes);
  const { isPublished } = writing;
  if (await Staging.settle(target, digest, isPublished)) return { ...NOTHING, published: true };
  await refuseContent(target);
  // A GPU that is not there is told of before anything is made for it.
  if (options.compute.startsWith('cuda:')) await planBuffers(plan, { compute: options.compute });
  const { fresh, ranks } = options;
  const { signal } = context;
  const staging = await Staging.open(target, { digest, fresh, ranks, isPublished, signal }).catch(
    async (error: unknown) => {
      await refuseOvertaken(writing, error);
      throw error;
    },
  );
  if (ranks === null) await requireUnpublished(staging, target);
  try {
    await requireSpace(staging, staging.resumed ? 0 : bytes, download);
    emit({ kind: 'phase', phase: 'convert' });
    const lease = await context.lease?.(bytes);
    const began = performance.now();
    const isNoted =
      lease === undefined ||
      options.ranks !== null ||
      download !== undefined ||
      staging.resumed ||
      bytes > UNNOTED;
    if (!isNoted) staging.alsoSync(plan.files.map(({ path }) => path));
    const round = (ready?: readonly number[]) => run(writing, staging, context, lease, isNoted, ready);
    const report = await (download === undefined
      ? round()
      : executeFetching(round, download.weights, { ...download, signal })
    ).finally(lease?.release);
    const convert = (performance.now() - began) / 1000;
    let verifySeconds = 0;
    emit({ kind: 'phase', phase: 'publish' });
    const published = await staging.finishRank();
    if (published) {
      await writing.complete(staging);
      await staging.writeSmallFiles();
      verifySeconds = await verifyStaged(writing, staging, context);
      await readBack(staging, plan, async () => writing.record?.(staging, verifySeconds));
      if (signal?.aborted === true) throw new NemotronError('INTERRUPTED', 'interrupted before publishing');
      await staging.requireWhole(plan.files);
      await staging.publish();
    } else if (await writing.isPublished()) {
      // A rank that came after the publishing has made a work directory that nobody needs.
      await staging.discard();
    } else {
      await staging.release();
    }
    const { bytesRead, bytesWritten, bytesShared, bytesResumed } = report;
    const { threads, compute, computeReason, readMode, writeMode } = report;
    const io = { bytesRead, bytesWritten, bytesShared, bytesResumed };
    const publish = (performance.now() - began) / 1000 - convert - verifySeconds;
    const phases = { convert, verify: verifySeconds, publish };
    return { published, phases, ...io, threads, compute, computeReason, readMode, writeMode };
  } catch (error) {
    await staging.release();
    if (!staging.isNamed) await refuseOvertaken(writing, error);
    throw error;
  }
}

/** Who publishes clears the work directory away, from under one that works there too: the target is what is in its way. */
async function refuseOvertaken({ target, options }: Writing, error: unknown): Promise<void> {
  if (options.ranks !== null || !(error instanceof NemotronError) || error.code !== 'WRITE_FAILED') return;
  await refuseContent(target, error);
}

/** Somebody may have published between the first look at the target and the taking of the work directory. */
async function requireUnpublished(staging: Staging, target: string): Promise<void> {
  try {
    await refuseContent(target);
  } catch (error) {
    // What cannot be cleared away now, another run settles.
    await (staging.resumed ? staging.release() : staging.discard()).catch(() => undefined);
    throw error;
  }
}

function run(
  { plan, digest, options: wanted }: Writing,
  staging: Staging,
  { onProgress, signal }: Context,
  lease: Lease | undefined,
  isNoted: boolean,
  ready: readonly number[] | undefined,
): Promise<ExecuteReport> {
  const { compute, readMode, writeMode, zeroCopy, ranks } = wanted;
  const { threads = lease?.threads, memory = lease?.memory } = wanted;
  const options: ExecuteOptions = {
    root: staging.root,
    ...(isNoted ? { journal: staging.journal, digest } : { sync: false }),
    compute,
    readMode,
    writeMode,
    ...(ranks === null ? {} : { rank: ranks.rank }),
    ...(zeroCopy === undefined ? {} : { zeroCopy }),
    ...(threads === undefined ? {} : { threads }),
    ...(memory === undefined ? {} : { memory }),
    ...(ready === undefined ? {} : { ready }),
  };
  return execute(plan, options, {
    ...(onProgress === undefined
      ? {}
      : { onProgress: (progress) => onProgress({ kind: 'bytes', phase: 'convert', ...progress }) }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Reads what was written. Where that fails because somebody has taken it away, this is the failure to tell. */
async function readBack<T>(staging: Staging, { files }: LoadedPlan, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    await staging.requireWhole(files);
    throw cause;
  }
}

/** Verifies what is about to be published. A mismatch keeps the work apart from a later run's. */
async function verifyStaged(writing: Writing, staging: Staging, { onProgress }: Context): Promise<number> {
  if (writing.options.verify === 'none') return 0;
  const began = performance.now();
  onProgress?.({ kind: 'phase', phase: 'verify' });
  const { faults } = await readBack(staging, writing.plan, () => writing.check(staging));
  if (faults.length > 0) {
    const kept = await staging.reject();
    throw new NemotronError(
      'VERIFY_MISMATCH',
      `${faults[0]}${faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''}`,
      {
        facts: { faults, path: kept },
        hint: `the disk or memory may be failing: convert again on another disk; the checkpoint is kept as ${kept}`,
      },
    );
  }
  return (performance.now() - began) / 1000;
}
