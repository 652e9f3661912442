import { open, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';
import { inspectCheckpoint, loadPlan, verifyCheckpoint } from '@nemotron-convert/native';
import { fusedRows } from '../adapter/fused-rows.js';
import { joinAdapter } from '../adapter/megatron.js';
import { readMegatronLora, readModelSection } from '../adapter/megatron-config.js';
import type { ExportOptions } from '../export-options.js';
import { requiredText, resolveWriteOptions } from '../options.js';
import { isMerged, MERGE_RECORD_FILE, mergeRecord } from '../output/merge-record.js';
import type { Staging } from '../output/staging.js';
import { checkTarget, refuseContent } from '../output/target-path.js';
import { conversionDigest, encodePlan, saveIdOf } from '../plan/encode.js';
import { mergeCheckpointPlan, type StoredItem } from '../plan/merge-checkpoint.js';
import { openCheckpoint } from '../source/checkpoint.js';
import { iterationDir } from '../source/iteration.js';
import type { Context } from './convert.js';
import { exportHf } from './export-hf.js';
import type { MergedOutput, MergeLoraOptions, MergeLoraReport } from './merge-lora.js';
import { writeCheckpoint } from './write.js';

/** What keys of training state begin with: it does not belong to merged weights. */
const TRAINING = ['optimizer', 'chained_', 'rng_state', 'rerun_state_machine', 'opt_param_scheduler'];

/** Merges a Megatron-Bridge adapter into a Megatron checkpoint, and exports the result where that is asked for. */
export async function mergeMegatron(options: MergeLoraOptions, context: Context): Promise<MergeLoraReport> {
  const began = performance.now();
  const emit = context.onProgress ?? (() => undefined);
  const outputPath = requiredText('output_megatron_path', options.outputMegatronPath);
  const writeOptions = resolveWriteOptions(options);

  emit({ kind: 'phase', phase: 'resolve' });
  const adapterDir = await iterationDir(requiredText('lora_checkpoint', options.loraCheckpoint));
  const config = await readMegatronLora(adapterDir);
  const baseDir = await iterationDir(baseOf(options, config.pretrained, config.path));
  emit({ kind: 'note', message: `merging the adapter in ${adapterDir} into ${baseDir}` });
  const target = await checkTarget(outputPath, dirname(baseDir));
  await checkTarget(outputPath, adapterDir);
  const exported = await exportOf(options, target);

  emit({ kind: 'phase', phase: 'plan' });
  const base = await openCheckpoint(baseDir, 0, TRAINING);
  const adapter = await openCheckpoint(adapterDir, base.files.length, TRAINING);
  const model = await readModelSection(baseDir);
  const { changes, replaced } = joinAdapter({
    base: base.keys,
    adapter: adapter.keys,
    alpha: config.alpha,
    rowsOf: (part, weight) => fusedRows(part, weight, model),
  });
  const changed = [...changes.keys(), ...replaced.keys()];
  const files = [...base.files, ...adapter.files];
  const iteration = basename(baseDir).startsWith('iter_') ? basename(baseDir) : 'iter_0000000';
  const draft = mergeCheckpointPlan({
    sources: files.map(({ path, bytes }) => ({ path, bytes })),
    keys: new Map([...base.keys, ...replaced]),
    changes,
    ...(await storedItems(baseDir)),
    iteration,
    checkpointId: join(target, iteration),
  });
  const plan = { ...draft, metadata: { ...draft.metadata, saveId: saveIdOf(draft) } };
  const encoded = encodePlan(plan);
  const digest = conversionDigest(encoded, { files });
  const outputs: MergedOutput[] = [];
  // An export that was interrupted finds its merge done.
  if (exported === null || !(await isMerged(target, digest))) {
    await refuseContent(target);
    const loaded = await loadPlan(encoded);
    const record = { planDigest: digest, base: baseDir, adapter: adapterDir, alpha: config.alpha };
    const { bytesRead, bytesWritten, bytesResumed } = await writeCheckpoint(
      {
        plan: loaded,
        digest,
        target,
        options: writeOptions,
        complete: async (staging) => {
          await putSideFiles(staging, baseDir, iteration);
          staging.putText('latest_checkpointed_iteration.txt', String(Number(iteration.slice(5))));
          staging.putText(MERGE_RECORD_FILE, mergeRecord({ ...record, changed }));
          await staging.writeIndex(loaded, plan);
        },
        check: (staging) =>
          verifyCheckpoint(join(staging.root, iteration), {
            payloads: false,
            ...(writeOptions.verify === 'full' ? { plan: loaded } : {}),
            ...(context.signal === undefined ? {} : { signal: context.signal }),
          }),
        isPublished: () => isMerged(target, digest),
      },
      context,
    );
    const seconds = (performance.now() - began) / 1000;
    const written = { tensors: plan.keys.length, bytesRead, bytesWritten, bytesResumed, seconds };
    outputs.push({ kind: 'megatron', path: target, ...written });
  }
  if (exported !== null) outputs.push(await exportMerged(exported, context));
  return { backend: 'megatron_bridge', adapter: adapterDir, base: baseDir, changed: changed.length, outputs };
}

/** The export that follows the merge, with its target looked at before anything is written; null where none does. */
async function exportOf(options: MergeLoraOptions, megatronPath: string): Promise<ExportOptions | null> {
  const { exportHfModel, strict, fresh, verify, threads, memory, readMode, writeMode } = options;
  if (exportHfModel === undefined) return null;
  const hfPath = await checkTarget(requiredText('output_hf_path', options.outputHfPath), megatronPath);
  await refuseContent(hfPath);
  const given = { strict, fresh, verify, threads, memory, readMode, writeMode };
  const known = Object.entries(given).filter(([, value]) => value !== undefined);
  return { megatronPath, hfPath, hfModelId: exportHfModel, ...Object.fromEntries(known) };
}

async function exportMerged(options: ExportOptions, context: Context): Promise<MergedOutput> {
  const { path, tensors, bytesRead, bytesWritten, bytesResumed, seconds } = await exportHf(options, context);
  return { kind: 'huggingface', path, tensors, bytesRead, bytesWritten, bytesResumed, seconds };
}

function baseOf({ baseMegatronPath }: MergeLoraOptions, pretrained: string | null, path: string): string {
  const base = baseMegatronPath ?? pretrained;
  if (base !== null && base !== '') return base;
  throw new NemotronError(
    'OPTION_INVALID',
    `no base_megatron_path, and ${path} names no pretrained_checkpoint`,
    {
      facts: { option: 'base_megatron_path', path },
      hint: 'give the base checkpoint: base_megatron_path=...',
    },
  );
}

/** What the base's files hold, in their order, and the bytes of its objects in hexadecimal. */
async function storedItems(
  dir: string,
): Promise<{ items: StoredItem[]; objects: ReadonlyMap<string, string> }> {
  const { tensors, storage } = await inspectCheckpoint(dir);
  const sizesOf = new Map(
    tensors.flatMap(({ key, chunks }) =>
      chunks.map(([offsets, sizes]) => [chunkName(key, offsets), sizes] as const),
    ),
  );
  const kept = storage.filter(([key]) => !TRAINING.some((prefix) => key.startsWith(prefix)));
  const sorted = [...kept].sort((a, b) => (a[2] < b[2] ? -1 : Number(a[2] > b[2])) || a[3] - b[3]);
  const objects = new Map<string, string>();
  const items: StoredItem[] = [];
  for (const [key, offsets, file, position, length] of sorted) {
    if (offsets === null) objects.set(key, await readHex(join(dir, file), position, length));
    const place = offsets === null ? null : { offsets, sizes: sizesOf.get(chunkName(key, offsets)) ?? [] };
    items.push({ key, file, place });
  }
  return { items, objects };
}

function chunkName(key: string, offsets: readonly number[]): string {
  return `${key} ${offsets.join(' ')}`;
}

async function readHex(path: string, position: number, length: number): Promise<string> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
    if (bytesRead === length) return buffer.toString('hex');
  } finally {
    await handle.close();
  }
  throw new NemotronError('CHECKPOINT_INVALID', `${path} ends inside an object`, { facts: { path } });
}

/** Everything of an iteration directory but the data, its index and the parts that belong to the whole checkpoint. */
async function putSideFiles(staging: Staging, dir: string, iteration: string): Promise<void> {
  const copy = async (from: string, to: string): Promise<void> => {
    for (const entry of await readdir(from, { withFileTypes: true })) {
      const [source, place] = [join(from, entry.name), `${to}/${entry.name}`];
      if (entry.isDirectory()) await copy(source, place);
      else if (entry.name !== '.metadata' && !entry.name.endsWith('.distcp')) staging.putCopy(source, place);
    }
  };
  await copy(dir, iteration);
  const root = dirname(dir);
  const names = await readdir(root);
  for (const name of ['latest_train_state.pt', 'run_config.yaml']) {
    if (names.includes(name)) staging.putCopy(join(root, name), name);
  }
}
