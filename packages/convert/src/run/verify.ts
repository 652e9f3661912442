import { dirname } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';
import { type Findings, type LoadedPlan, loadPlan, verifyCheckpoint } from '@nemotron-convert/native';
import { type ConvertOptions, resolveOptions } from '../options.js';
import { isIntact, PROVENANCE_FILE, type Provenance, readProvenance } from '../output/provenance.js';
import { encodePlan } from '../plan/encode.js';
import { iterationDir } from '../source/iteration.js';
import { openSource } from '../source/open.js';
import { bringWeights } from './bring.js';
import type { Context } from './convert.js';
import { changedFiles } from './hash-files.js';
import { prepare } from './prepare.js';

export const VERIFY_MODES = ['structural', 'sampled', 'full'] as const;
export type VerifyMode = (typeof VERIFY_MODES)[number];

export interface VerifyOptions extends Context {
  /** A checkpoint or one of its iteration directories. */
  readonly path: string;
  /**
   * Structural: index, headers, coverage and CRCs. Full: every byte of the data files is derived from the source again.
   * Sampled: both ends and a place between them of every chunk.
   */
  readonly mode?: VerifyMode;
  /** The source of a full verification; default is the one that conversion.json names. */
  readonly against?: string;
  /** How the checkpoint was laid out, where no conversion.json tells. */
  readonly options?: Pick<ConvertOptions, 'dtype' | 'target' | 'tp' | 'pp' | 'ep' | 'etp'>;
}

export interface VerifyReport extends Findings {
  readonly path: string;
  readonly mode: VerifyMode;
  readonly seconds: number;
}

/** Verifies a checkpoint; faults are findings, not errors. Throws CHECKPOINT_INVALID when it cannot be read at all. */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const began = performance.now();
  const path = await iterationDir(options.path);
  const mode = options.mode ?? (options.against === undefined ? 'structural' : 'full');
  const plan = mode === 'structural' ? undefined : await planAgain(path, options);
  const { signal } = options;
  const findings = await verifyCheckpoint(path, {
    ...(plan === undefined ? {} : { plan, sampled: mode === 'sampled' }),
    ...(signal === undefined ? {} : { signal }),
  });
  const faults = [...findings.faults, ...(mode === 'full' ? await sideFaults(path) : [])];
  return { path, mode, ...findings, faults, seconds: (performance.now() - began) / 1000 };
}

/** What is wrong with the files around the data, as far as a record tells what they were. */
async function sideFaults(path: string): Promise<string[]> {
  const record = await readProvenance(path);
  if (record === null) return [];
  const own = (await isIntact(path, record)) ? [] : [`${PROVENANCE_FILE} is not the file that was written`];
  return [...own, ...(await changedFiles(dirname(path), record.files))];
}

async function planAgain(path: string, options: VerifyOptions): Promise<LoadedPlan> {
  const record = await readProvenance(path);
  const source = options.against ?? (record === null ? undefined : recordedSource(record));
  if (source === undefined) {
    throw new NemotronError(
      'OPTION_INVALID',
      `a ${options.mode ?? 'full'} verification of ${path} needs its source`,
      {
        facts: { path },
        hint: 'name it with --against HF_DIR',
      },
    );
  }
  const resolved = resolveOptions({
    hfModelId: source,
    megatronPath: dirname(path),
    ...recorded(record),
    ...options.options,
  });
  const opened = await openSource(source, options);
  await bringWeights(opened, options.signal);
  return loadPlan(encodePlan(prepare(opened, resolved, dirname(path)).plan));
}

/** A branch of the Hub may have moved since: what counts is its commit then. */
function recordedSource({ source: { id, commit } }: Provenance): string {
  return commit === undefined ? id : `${id.split('@')[0]}@${commit}`;
}

function recorded(record: Provenance | null): Partial<ConvertOptions> {
  if (record === null) return {};
  const { world, ...options } = record.options;
  const target = record.target as NonNullable<ConvertOptions['target']>;
  return { ...options, target, ...(world > 1 ? { ranks: { rank: 0, world } } : {}) };
}
