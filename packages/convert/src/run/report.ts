import { dirname } from 'node:path';
import type { Drop } from '../plan/collect.js';
import { filesystemAt } from './filesystem.js';
import type { Written } from './write.js';

/** What has become of a model, in either direction. */
export interface ModelReport extends Written {
  /** Absolute path of the checkpoint that was written. */
  readonly path: string;
  readonly architecture: string;
  /** The Megatron-Bridge version whose model the Megatron checkpoint holds. */
  readonly target: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly seconds: number;
  readonly phases: Written['phases'] & { readonly plan: number };
  /** Names of the filesystems, such as `ext4` or `lustre`. */
  readonly filesystems: { readonly source: string; readonly target: string };
  /** What was left out, by reason. */
  readonly drops: readonly Drop[];
}

/** What was planned of a model. */
interface PlannedModel extends Pick<ModelReport, 'architecture' | 'target' | 'parameters' | 'drops'> {
  readonly plan: { readonly keys: readonly unknown[] };
}

/** The report of a checkpoint of the directory `source`; `began` and `planned` are in milliseconds of the clock. */
export async function modelReport(
  { architecture, target, parameters, drops, plan }: PlannedModel,
  written: Written,
  paths: { readonly source: string; readonly path: string },
  { began, planned }: { readonly began: number; readonly planned: number },
): Promise<ModelReport> {
  const [source, place] = await Promise.all([paths.source, dirname(paths.path)].map(filesystemAt));
  return {
    path: paths.path,
    architecture,
    target,
    tensors: plan.keys.length,
    parameters,
    drops,
    ...written,
    phases: { plan: (planned - began) / 1000, ...written.phases },
    filesystems: { source: source as string, target: place as string },
    seconds: (performance.now() - began) / 1000,
  };
}
