import { loadPlan } from '@nemotron-convert/native';
import { type ExportOptions, resolveExport } from '../export-options.js';
import { countCopies } from '../output/provenance.js';
import type { Drop } from '../plan/collect.js';
import { encodePlan } from '../plan/encode.js';
import type { SourceContext } from '../source/locate.js';
import { openMegatron } from '../source/megatron.js';
import { openReference } from '../source/reference.js';
import { prepareExport } from './prepare-export.js';

/** What an export would do. Nothing was written. */
export interface ExportPlan {
  readonly architecture: string;
  /** The Megatron-Bridge version whose model the checkpoint holds. */
  readonly target: string;
  readonly output: {
    readonly files: readonly { readonly path: string; readonly bytes: number }[];
    readonly bytes: number;
  };
  readonly tensors: number;
  readonly parameters: number;
  /** Copies by `source dtype → target dtype`. */
  readonly copies: Readonly<Record<string, number>>;
  readonly drops: readonly Drop[];
}

/**
 * Plans an export by the checkpoint's headers, the original model's configuration and what there is of its weights'
 * headers. Of tensor data it reads only what Megatron keeps in float32: whether bfloat16 could hold it decides its dtype.
 */
export async function planExport(options: ExportOptions, context: SourceContext = {}): Promise<ExportPlan> {
  const resolved = resolveExport(options);
  const source = await openMegatron(resolved.megatronPath);
  const reference = await openReference(resolved.hfModelId, context);
  const { architecture, target, plan, drops, parameters } = await prepareExport(source, reference, resolved);
  const { files } = await loadPlan(encodePlan(plan));
  return {
    architecture,
    target,
    output: { files, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) },
    tensors: plan.keys.length,
    parameters,
    copies: countCopies(plan),
    drops,
  };
}
