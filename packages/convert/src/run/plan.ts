import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { loadPlan, planBuffers } from '@nemotron-convert/native';
import { type ConvertOptions, type ResolvedOptions, resolveOptions } from '../options.js';
import { countCopies } from '../output/provenance.js';
import { isPublished } from '../output/published.js';
import { checkTarget, refuseContent } from '../output/target-path.js';
import { findUnfinished, type Unfinished } from '../output/unfinished.js';
import type { Cast, Pad } from '../plan/changes.js';
import type { Drop } from '../plan/collect.js';
import { conversionDigest, encodePlan } from '../plan/encode.js';
import { openSource, type Source } from '../source/open.js';
import type { Context } from './convert.js';
import { type Estimate, estimate, peakMemory } from './estimate.js';
import { prepare } from './prepare.js';
import { chooseZeroCopy } from './zero-copy.js';

/** What a conversion would do. Headers were read, nothing was written. */
export interface PlanSummary {
  readonly digest: string;
  readonly architecture: string;
  /** The Megatron-Bridge version that would be written for. */
  readonly target: string;
  readonly source: {
    readonly path: string;
    /** The commit of a model on the Hub. */
    readonly commit?: string;
    readonly files: number;
    readonly bytes: number;
    /** Bytes that would be downloaded. */
    readonly missing: number;
    /** Tensors by their dtype. */
    readonly dtypes: Readonly<Record<string, number>>;
  };
  readonly layout: { readonly tp: number; readonly pp: number; readonly ep: number; readonly etp: number };
  readonly output: {
    readonly path: string;
    readonly files: readonly { readonly path: string; readonly bytes: number }[];
    readonly bytes: number;
    /** Free bytes of the target's disk. */
    readonly free: number;
  };
  readonly tensors: number;
  readonly parameters: number;
  /** Copies by `source dtype → target dtype`. */
  readonly copies: Readonly<Record<string, number>>;
  readonly casts: readonly Cast[];
  readonly drops: readonly Drop[];
  /** What of config.json the version that is written for passes over without a word. */
  readonly unread: readonly string[];
  readonly pads: readonly Pad[];
  /** Bytes that the conversion takes at most. */
  readonly memory: {
    /** Of main memory, buffers and all but what a GPU's driver takes. */
    readonly peak: number;
    /** What of them are buffers; pinned where GPUs compute. */
    readonly buffers: number;
    /** Of the GPUs' own memory, for buffers. */
    readonly device: number;
    /** GPUs that would compute. */
    readonly gpus: number;
  };
  /** Null where the source is not here yet, so that its disk cannot be tried. */
  readonly estimate: Estimate | null;
  /** What an interrupted run has left beside the target. */
  readonly unfinished: Unfinished | null;
}

/** What of a plan needs no disk. */
export interface HeaderPlan extends Omit<PlanSummary, 'estimate' | 'output' | 'source' | 'unfinished'> {
  readonly source: Omit<PlanSummary['source'], 'missing'>;
  readonly output: Omit<PlanSummary['output'], 'free'>;
}

/** Plans a conversion without doing it: every check of the source and the target is made. */
export async function plan(options: ConvertOptions, context: Context = {}): Promise<PlanSummary> {
  const resolved = resolveOptions(options);
  const source = await openSource(resolved.hfModelId, context);
  const path = await checkTarget(resolved.megatronPath, source.dir);
  await refuseContent(path);
  const zeroCopy = await chooseZeroCopy(resolved.zeroCopy, source, path);
  const summary = await planSource(source, resolved, path, zeroCopy !== 'off');
  const missing = (await source.weights?.missingBytes(await source.weights.absent())) ?? 0;
  const { output } = summary;
  return {
    ...summary,
    source: { ...summary.source, missing },
    output: { ...output, free: await freeBytes(path) },
    estimate: missing === 0 ? await estimate(source.files, output.bytes) : null,
    unfinished: await findUnfinished(path, summary.digest),
  };
}

/** A plan by its headers alone, of an opened source and for the target `path`: nothing is asked of any disk. */
export async function planSource(
  source: Source,
  resolved: ResolvedOptions,
  path: string,
  share = false,
): Promise<HeaderPlan> {
  const prepared = prepare(source, resolved, path, share);
  const encoded = encodePlan(prepared.plan);
  const loaded = await loadPlan(encoded);
  const { files } = loaded;
  const {
    host: buffers,
    device,
    gpus,
  } = await planBuffers(loaded, {
    compute: resolved.compute,
    ...(resolved.threads === undefined ? {} : { threads: resolved.threads }),
    ...(resolved.memory === undefined ? {} : { memory: resolved.memory }),
  });
  const { casts, pads } = prepared.changes;
  return {
    digest: conversionDigest(encoded, source),
    architecture: prepared.architecture,
    target: prepared.target,
    source: {
      path: source.dir,
      ...(source.hub === undefined ? {} : { commit: source.hub.commit }),
      files: source.files.length,
      bytes: sum(source.files),
      dtypes: countDtypes(source),
    },
    layout: resolved.sizes,
    output: { path, files, bytes: sum(files) },
    tensors: prepared.plan.keys.length,
    parameters: prepared.parameters,
    copies: countCopies(prepared.plan),
    casts,
    drops: prepared.drops,
    unread: prepared.unread,
    pads,
    memory: { peak: peakMemory(buffers, encoded.length), buffers, device, gpus },
  };
}

/** Whether the target holds the very checkpoint that this conversion would make. */
export async function isConverted(options: ConvertOptions, context: Context = {}): Promise<boolean> {
  const resolved = resolveOptions(options);
  const source = await openSource(resolved.hfModelId, context);
  const path = await checkTarget(resolved.megatronPath, source.dir);
  const zeroCopy = await chooseZeroCopy(resolved.zeroCopy, source, path);
  const prepared = prepare(source, resolved, path, zeroCopy !== 'off');
  return isPublished(path, conversionDigest(encodePlan(prepared.plan), source));
}

function countDtypes({ tensors }: Source): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { dtype } of tensors.values()) counts.set(dtype, (counts.get(dtype) ?? 0) + 1);
  return Object.fromEntries([...counts].sort());
}

function sum(files: readonly { readonly bytes: number }[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0);
}

/** Of the disk that the path will be on. */
async function freeBytes(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (cause) {
    const parent = dirname(path);
    if (parent === path) throw cause;
    return freeBytes(parent);
  }
}
