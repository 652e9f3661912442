import { join } from 'node:path';
import { NemotronError, type OnProgress } from '@nemotron-convert/core';
import { type LoadedPlan, loadPlan, verifyCheckpoint, verifyWritten } from '@nemotron-convert/native';
import type { Family } from '../models/family.js';
import { type ConvertOptions, type ResolvedOptions, resolveOptions } from '../options.js';
import { isPublished } from '../output/published.js';
import { Staging } from '../output/staging.js';
import { checkTarget, refuseContent } from '../output/target-path.js';
import { ITERATION_DIR } from '../plan/container.js';
import { conversionDigest, encodePlan } from '../plan/encode.js';
import type { Plan } from '../plan/types.js';
import { openSource, type Source } from '../source/open.js';
import { requireUnchanged } from '../source/unchanged.js';
import type { Lease } from './engine-budget.js';
import { type Prepared, prepare } from './prepare.js';
import { type ModelReport, modelReport } from './report.js';
import { putProvenance, putSideFiles } from './side-files.js';
import { writeCheckpoint } from './write.js';
import { chooseZeroCopy } from './zero-copy.js';

export interface Context {
  /** The variables of the Hugging Face Hub (HF_HOME, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE, proxies). */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  /** Tables of families beyond the built-in ones, which they win over. */
  readonly families?: readonly Family[];
  /** Called with the bytes that are going to be written, before the first is; what it throws ends the conversion. */
  readonly admit?: (bytes: number) => void;
  /** Asked before the engine begins to write so many bytes: how much of a budget of many it may use, and when. */
  readonly lease?: (bytes: number) => Promise<Lease>;
}

export type ConvertReport = ModelReport;

/**
 * Converts a Hugging Face checkpoint into a Megatron distributed checkpoint. The target appears complete or not at all;
 * what an interrupted run has done is kept beside it, and the same call goes on from there.
 */
export async function convert(options: ConvertOptions, context: Context = {}): Promise<ConvertReport> {
  const began = performance.now();
  const started = new Date();
  const emit = context.onProgress ?? (() => undefined);
  const resolved = resolveOptions(options);

  emit({ kind: 'phase', phase: 'resolve' });
  const source = await openSource(resolved.hfModelId, context);
  if (!resolved.keepSource) checkRemovable(source, emit);
  const target = await checkTarget(resolved.megatronPath, source.dir);
  if (resolved.ranks === null && !(await Staging.isLeft(target))) await refuseContent(target);

  emit({ kind: 'phase', phase: 'plan' });
  const zeroCopy = await chooseZeroCopy(resolved.zeroCopy, source, target);
  const prepared = prepare(source, resolved, target, zeroCopy !== 'off');
  for (const { reason, tensors } of prepared.drops) {
    const message = `${tensors.length} source tensors left out: ${reason}`;
    // What only this version leaves out is lost by the choice of it.
    const isChoice = prepared.family.drops?.some(
      (rule) => rule.reason === reason && rule.targets !== undefined,
    );
    emit(
      isChoice === true ? { kind: 'warning', code: 'TENSORS_LEFT_OUT', message } : { kind: 'note', message },
    );
  }
  for (const message of prepared.unread) emit({ kind: 'warning', code: 'CONFIG_UNREAD', message });
  const { plan, digest } = await load(prepared, source);
  const download = downloadOf(source, prepared.plan, resolved);
  const planned = performance.now();
  const written = await writeCheckpoint(
    {
      plan,
      digest,
      target,
      options: { ...resolved, zeroCopy },
      ...(download === undefined ? {} : { download }),
      complete: async (staging) => {
        // Files of the Hub are known by what is in them, and may be gone by now.
        if (source.weights === undefined) await requireUnchanged(source);
        putSideFiles(staging, source, prepared, resolved, target);
        await staging.writeIndex(plan, prepared.plan);
      },
      // The CRCs of the payloads were summed on their way to the disk; reading them back is what `full` is for.
      check: (staging) =>
        resolved.verify === 'structural'
          ? verifyWritten(plan, staging.root)
          : verifyCheckpoint(join(staging.root, ITERATION_DIR), {
              payloads: false,
              plan,
              sampled: resolved.verify === 'sampled',
              ...(context.signal === undefined ? {} : { signal: context.signal }),
            }),
      record: (staging, verifySeconds) => {
        const facts = { digest, started, verifySeconds };
        return putProvenance(staging, source, prepared, resolved, facts, context.signal);
      },
      isPublished: () => isPublished(target, digest),
    },
    context,
  );
  return modelReport(prepared, written, { source: source.dir, path: target }, { began, planned });
}

/** Hands the plan to the engine. Its text is needed for the digest only, and is as long as all names together. */
export async function load(
  { plan }: Pick<Prepared, 'plan'>,
  source: Pick<Source, 'files'>,
): Promise<{ plan: LoadedPlan; digest: string }> {
  const encoded = encodePlan(plan);
  return { plan: await loadPlan(encoded), digest: conversionDigest(encoded, source) };
}

/** The weights that the plan reads, when they may have to be downloaded. */
function downloadOf({ weights }: Source, { tensors }: Plan, { keepSource, stream }: ResolvedOptions) {
  if (weights === undefined) return undefined;
  const read = new Set(tensors.map(({ source }) => source));
  return { weights, files: weights.files.filter((_, number) => read.has(number)), keepSource, stream };
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
