import { join } from 'node:path';
import { NemotronError, type OnProgress } from '@nemotron-convert/core';
import {
  type ExecuteOptions,
  type ExecuteReport,
  execute,
  type LoadedPlan,
  loadPlan,
  verifyCheckpoint,
  writeIndex,
} from '@nemotron-convert/native';
import type { Family } from '../models/family.js';
import { type ConvertOptions, type ResolvedOptions, resolveOptions } from '../options.js';
import { ITERATION_DIR } from '../output/container.js';
import { isPublished } from '../output/published.js';
import { Staging } from '../output/staging.js';
import { checkTarget, refuseContent } from '../output/target-path.js';
import type { Drop } from '../plan/collect.js';
import { conversionDigest, encodePlan } from '../plan/encode.js';
import type { Plan } from '../plan/types.js';
import { openSource, type Source } from '../source/open.js';
import { executeFetching } from './fetching.js';
import { type Prepared, prepare } from './prepare.js';
import { writeSideFiles } from './side-files.js';
import { requireSpace } from './space.js';

export interface Context {
  /** The variables of the Hugging Face Hub (HF_HOME, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE, proxies). */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  /** Tables of families beyond the built-in ones, which they win over. */
  readonly families?: readonly Family[];
  /** Called with the bytes that are going to be written, before the first is; what it throws ends the conversion. */
  readonly admit?: (bytes: number) => void;
}

export interface ConvertReport {
  /** Absolute path of the checkpoint. */
  readonly path: string;
  /** False for a rank that has finished before others: the last one publishes. */
  readonly published: boolean;
  readonly architecture: string;
  /** The Megatron-Bridge version that was written for. */
  readonly target: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Payload bytes that an interrupted run had finished. */
  readonly bytesResumed: number;
  readonly seconds: number;
  /** How much of it the verification took. */
  readonly verifySeconds: number;
  readonly threads: number;
  readonly readMode: string;
  readonly writeMode: string;
  readonly drops: readonly Drop[];
}

/**
 * Converts a Hugging Face checkpoint into a Megatron distributed checkpoint. The target appears complete or not at all;
 * what an interrupted run has done is kept beside it, and the same call goes on from there.
 */
export async function convert(options: ConvertOptions, context: Context = {}): Promise<ConvertReport> {
  const began = performance.now();
  const emit = context.onProgress ?? (() => undefined);
  const resolved = resolveOptions(options);

  emit({ kind: 'phase', phase: 'resolve' });
  const source = await openSource(resolved.hfModelId, context);
  if (!resolved.keepSource) checkRemovable(source, emit);
  const targetPath = await checkTarget(resolved.megatronPath, source.dir);
  if (resolved.ranks === null) await refuseContent(targetPath);

  emit({ kind: 'phase', phase: 'plan' });
  const prepared = prepare(source, resolved, targetPath);
  for (const drop of prepared.drops) {
    emit({ kind: 'note', message: `${drop.tensors.length} source tensors left out: ${drop.reason}` });
  }
  const { plan, digest } = await load(prepared, source);
  const bytes = plan.files.reduce((sum, file) => sum + file.bytes, 0);
  context.admit?.(bytes);

  const work = async (): Promise<Written> => {
    const staging = await Staging.open(targetPath, { digest, fresh: resolved.fresh, ranks: resolved.ranks });
    try {
      await requireSpace(staging, staging.resumed ? 0 : bytes, downloadOf(source, prepared.plan, resolved));
      emit({ kind: 'phase', phase: 'convert' });
      const round = (ready?: readonly number[]) => run(plan, staging, digest, resolved, context, ready);
      const { stream, keepSource } = resolved;
      const report = await (source.weights === undefined
        ? round()
        : executeFetching(round, source.weights, { stream, keepSource, signal: context.signal }));

      let verifySeconds = 0;
      emit({ kind: 'phase', phase: 'publish' });
      const published = await staging.finishRank();
      if (published) {
        await writeSideFiles(staging, source, prepared, resolved, digest);
        await writeIndex(plan, staging.root);
        await staging.writeText('latest_checkpointed_iteration.txt', '0');
        verifySeconds = await verifyStaged(staging, plan, resolved, context);
        if (context.signal?.aborted === true)
          throw new NemotronError('INTERRUPTED', 'interrupted before publishing');
        await staging.publish();
      } else if (await isPublished(targetPath, digest)) {
        // A rank that came after the publishing has made a work directory that nobody needs.
        await staging.discard();
      } else {
        await staging.release();
      }
      const { files: _, waiting: __, ...io } = report;
      return { published, verifySeconds, ...io };
    } catch (error) {
      await staging.release();
      throw error;
    }
  };
  const written = resolved.ranks === null ? await work() : await unlessPublished(targetPath, digest, work);
  const { architecture, target, parameters, drops } = prepared;
  return {
    path: targetPath,
    architecture,
    target,
    tensors: prepared.plan.keys.length,
    parameters,
    drops,
    ...written,
    seconds: (performance.now() - began) / 1000,
  };
}

/** Hands the plan to the engine. Its text is needed for the digest only, and is as long as all names together. */
async function load(prepared: Prepared, source: Source): Promise<{ plan: LoadedPlan; digest: string }> {
  const encoded = encodePlan(prepared.plan);
  return { plan: await loadPlan(encoded), digest: conversionDigest(encoded, source) };
}

/** What a process has done for a checkpoint. */
type Written = Pick<
  ConvertReport,
  'published' | 'verifySeconds' | 'bytesRead' | 'bytesWritten' | 'bytesResumed'
> &
  Pick<ConvertReport, 'threads' | 'readMode' | 'writeMode'>;

const NOTHING: Written = {
  published: false,
  verifySeconds: 0,
  bytesRead: 0,
  bytesWritten: 0,
  bytesResumed: 0,
  threads: 0,
  readMode: 'none',
  writeMode: 'none',
};

/** The work of a rank; none is left, and no failure counts, once the others have published the checkpoint. */
async function unlessPublished(
  target: string,
  digest: string,
  work: () => Promise<Written>,
): Promise<Written> {
  if (await isPublished(target, digest)) return NOTHING;
  await refuseContent(target);
  try {
    return await work();
  } catch (error) {
    if (await isPublished(target, digest)) return NOTHING;
    throw error;
  }
}

function run(
  plan: LoadedPlan,
  staging: Staging,
  digest: string,
  { threads, memory, readMode, writeMode, ranks }: ResolvedOptions,
  { onProgress, signal }: Context,
  ready: readonly number[] | undefined,
): Promise<ExecuteReport> {
  const options: ExecuteOptions = {
    root: staging.root,
    journal: staging.journal,
    digest,
    readMode,
    writeMode,
    ...(ranks === null ? {} : { rank: ranks.rank }),
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

/** The weights that the plan reads, when they may have to be downloaded. */
function downloadOf({ weights }: Source, { tensors }: Plan, { keepSource }: ResolvedOptions) {
  if (weights === undefined) return undefined;
  const read = new Set(tensors.map(({ source }) => source));
  return { weights, files: weights.files.filter((_, number) => read.has(number)), keepSource };
}

/** Only what can be downloaded again is ever removed. */
function checkRemovable({ dir, hub, weights }: Source, emit: OnProgress): void {
  if (hub === undefined) {
    throw new NemotronError('OPTION_INVALID', `keep_source=false: ${dir} is a directory of yours`, {
      facts: { option: 'keep_source', found: false, path: dir },
      hint: 'leave it out: only what was downloaded from the Hub is removed',
    });
  }
  if (weights === undefined) {
    emit({ kind: 'note', message: 'keep_source=false: offline, the source is kept' });
  }
}

/** Verifies what is about to be published. A mismatch keeps the work apart from a later run's. */
async function verifyStaged(
  staging: Staging,
  plan: LoadedPlan,
  { verify }: ResolvedOptions,
  { onProgress, signal }: Context,
): Promise<number> {
  if (verify === 'none') return 0;
  const began = performance.now();
  onProgress?.({ kind: 'phase', phase: 'verify' });
  // The CRCs of the payloads were summed on their way to the disk; reading them back is what `full` is for.
  const { faults } = await verifyCheckpoint(join(staging.root, ITERATION_DIR), {
    payloads: false,
    ...(verify === 'full' ? { plan } : {}),
    ...(signal === undefined ? {} : { signal }),
  });
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
