import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { loadPlan } from '@nemotron-convert/native';
import { type ConvertOptions, resolveOptions } from '../options.js';
import { countCopies } from '../output/provenance.js';
import { isPublished } from '../output/published.js';
import { checkTarget, refuseContent } from '../output/target-path.js';
import type { Drop } from '../plan/collect.js';
import { conversionDigest, encodePlan } from '../plan/encode.js';
import { openSource } from '../source/open.js';
import type { Context } from './convert.js';
import { prepare } from './prepare.js';
import { chooseZeroCopy } from './zero-copy.js';

/** What a conversion would do. Headers were read, nothing was written. */
export interface PlanSummary {
  readonly digest: string;
  readonly architecture: string;
  /** The Megatron-Bridge version that would be written for. */
  readonly target: string;
  /** `missing`: bytes that would be downloaded. */
  readonly source: {
    readonly path: string;
    readonly files: number;
    readonly bytes: number;
    readonly missing: number;
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
  readonly drops: readonly Drop[];
}

/** Plans a conversion without doing it: every check of the source and the target is made. */
export async function plan(options: ConvertOptions, context: Context = {}): Promise<PlanSummary> {
  const resolved = resolveOptions(options);
  const source = await openSource(resolved.hfModelId, context);
  const path = await checkTarget(resolved.megatronPath, source.dir);
  await refuseContent(path);
  const zeroCopy = await chooseZeroCopy(resolved.zeroCopy, source, path);
  const prepared = prepare(source, resolved, path, zeroCopy !== 'off');
  const encoded = encodePlan(prepared.plan);
  const { files } = await loadPlan(encoded);
  const missing = (await source.weights?.missingBytes(await source.weights.absent())) ?? 0;
  return {
    digest: conversionDigest(encoded, source),
    architecture: prepared.architecture,
    target: prepared.target,
    source: { path: source.dir, files: source.files.length, bytes: sum(source.files), missing },
    layout: resolved.sizes,
    output: { path, files, bytes: sum(files), free: await freeBytes(path) },
    tensors: prepared.plan.keys.length,
    parameters: prepared.parameters,
    copies: countCopies(prepared.plan),
    drops: prepared.drops,
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
