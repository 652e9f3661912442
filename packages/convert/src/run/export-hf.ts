import { dirname } from 'node:path';
import { verifyFiles } from '@nemotron-convert/native';
import { type ExportOptions, resolveExport } from '../export-options.js';
import { putSideFiles } from '../output/hf/side-files.js';
import { checkTarget, refuseContent } from '../output/target-path.js';
import { openMegatron } from '../source/megatron.js';
import { openReference } from '../source/reference.js';
import { type Context, load } from './convert.js';
import { prepareExport } from './prepare-export.js';
import { type ModelReport, modelReport } from './report.js';
import { writeCheckpoint } from './write.js';

export interface ExportReport extends ModelReport {
  /** The iteration directory that was read. */
  readonly iteration: string;
}

/**
 * Turns a Megatron checkpoint back into a Hugging Face checkpoint: the original's names, files, configuration and
 * tokenizer with the weights of the checkpoint, whatever number of ranks wrote it. The target appears complete or not at
 * all, and the same call goes on from what an interrupted one has done.
 */
export async function exportHf(options: ExportOptions, context: Context = {}): Promise<ExportReport> {
  const began = performance.now();
  const emit = context.onProgress ?? (() => undefined);
  const resolved = resolveExport(options);

  emit({ kind: 'phase', phase: 'resolve' });
  const source = await openMegatron(resolved.megatronPath);
  const reference = await openReference(resolved.hfModelId, context);
  const target = await checkTarget(resolved.hfPath, source.dir);
  await checkTarget(resolved.hfPath, dirname(source.dir));
  await checkTarget(resolved.hfPath, reference.dir);
  if (resolved.ranks === null) await refuseContent(target);

  emit({ kind: 'phase', phase: 'plan' });
  const prepared = await prepareExport(source, reference, resolved);
  const { shards, drops } = prepared;
  for (const drop of drops) {
    emit({
      kind: 'note',
      message: `${drop.tensors.length} left out (${drop.tensors[0]}, …): ${drop.reason}`,
    });
  }
  const { plan, digest } = await load(prepared, source);
  const planned = performance.now();
  const written = await writeCheckpoint(
    {
      plan,
      digest,
      target,
      options: resolved,
      complete: (staging) => {
        putSideFiles(staging, reference);
        if (shards.index !== null) staging.putText('model.safetensors.index.json', shards.index);
      },
      check: (staging) =>
        verifyFiles(plan, staging.root, {
          payloads: resolved.verify === 'full',
          ...(context.signal === undefined ? {} : { signal: context.signal }),
        }),
      isPublished: async () => {
        const { faults } = await verifyFiles(plan, target, { payloads: false });
        return faults.length === 0;
      },
    },
    context,
  );
  const report = await modelReport(
    prepared,
    written,
    { source: source.dir, path: target },
    { began, planned },
  );
  return { ...report, iteration: source.dir };
}
