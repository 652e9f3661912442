import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type CheckpointPlan, checkpointPlan } from '@nemotron-convert/native';
import type { Target } from '../models/target.js';
import { iterationDir } from '../output/iteration.js';
import { readProvenance } from '../output/provenance.js';
import type { SourceFile } from './open.js';

/** A Megatron checkpoint as its index and headers show it; no tensor data is read. */
export interface MegatronSource {
  /** The iteration directory. */
  readonly dir: string;
  readonly plan: CheckpointPlan;
  readonly files: readonly SourceFile[];
  /** The Megatron-Bridge version whose container it is, or a later one's. */
  readonly writtenFor: Target;
}

/** Keys of a training run's optimizer, however many there are of it. */
const OPTIMIZER = ['optimizer.', 'chained_'];

/**
 * Opens a checkpoint, or one iteration of it: of a conversion or of a training run, whose optimizer states are passed over.
 * Throws CHECKPOINT_INVALID.
 */
export async function openMegatron(path: string): Promise<MegatronSource> {
  const dir = await iterationDir(path);
  const plan = await checkpointPlan(dir, OPTIMIZER);
  const files = plan.sources.map(async (file) => ({ ...file, version: (await stat(file.path)).mtimeMs }));
  return { dir, plan, files: await Promise.all(files), writtenFor: await versionOf(dir) };
}

/** What the record of a conversion says; else whether the common state has a file of its own, which newer ones lack. */
async function versionOf(dir: string): Promise<Target> {
  const record = await readProvenance(dir);
  if (record !== null) return record.target as Target;
  return (await stat(join(dir, 'common.pt')).catch(() => null)) === null ? '0.7.0' : '0.3.1';
}
