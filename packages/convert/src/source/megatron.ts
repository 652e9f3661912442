import { stat } from 'node:fs/promises';
import { type CheckpointPlan, checkpointPlan } from '@nemotron-convert/native';
import { iterationDir } from './iteration.js';
import type { SourceFile } from './open.js';

/** A Megatron checkpoint as its index and headers show it; no tensor data is read. */
export interface MegatronSource {
  /** The iteration directory. */
  readonly dir: string;
  readonly plan: CheckpointPlan;
  readonly files: readonly SourceFile[];
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
  return { dir, plan, files: await Promise.all(files) };
}
