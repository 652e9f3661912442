import { basename, join } from 'node:path';
import { isPyMap, NemotronError, type PyMap } from '@nemotron-convert/core';
import { loadPlan, verifyFiles } from '@nemotron-convert/native';
import { type Applied, applyAdapter } from '../adapter/apply.js';
import { type LoraConfig, readLoraConfig } from '../adapter/config.js';
import { dtypeRule } from '../adapter/dtype.js';
import { ADAPTER_CONFIG, findAdapter } from '../adapter/find.js';
import { readAdapterWeights } from '../adapter/weights.js';
import { FAMILIES } from '../models/registry.js';
import { requiredText, resolveWriteOptions } from '../options.js';
import { putMergedFiles } from '../output/hf/merged-files.js';
import { shardLike } from '../output/hf/shards.js';
import { checkTarget, refuseContent } from '../output/target-path.js';
import { conversionDigest, encodePlan } from '../plan/encode.js';
import { mergePlan } from '../plan/merge.js';
import { safetensorsPlan } from '../plan/safetensors.js';
import type { Plan } from '../plan/types.js';
import { listSource, readIndex, readIndexMetadata } from '../source/files.js';
import { openSource, type Source } from '../source/open.js';
import { methodOf } from '../source/quantization.js';
import type { SourceTensor } from '../source/tensor.js';
import { bringWeights } from './bring.js';
import type { Context } from './convert.js';
import type { MergeLoraOptions, MergeLoraReport } from './merge-lora.js';
import { writeCheckpoint } from './write.js';

/** Merges an adapter that PEFT has saved into a Hugging Face checkpoint. */
export async function mergePeft(options: MergeLoraOptions, context: Context): Promise<MergeLoraReport> {
  const began = performance.now();
  const emit = context.onProgress ?? (() => undefined);
  const basePath = requiredText('base_hf_path', options.baseHfPath);
  const outputPath = requiredText('output_hf_path', options.outputHfPath);
  const writeOptions = resolveWriteOptions(options);

  emit({ kind: 'phase', phase: 'resolve' });
  const adapter = await findAdapter(requiredText('lora_checkpoint', options.loraCheckpoint));
  emit({ kind: 'note', message: `merging the adapter in ${adapter} into ${basePath}` });
  const config = await readLoraConfig(join(adapter, ADAPTER_CONFIG));
  const base = await openSource(basePath, context, { family: false, tokenizer: false });
  refuseQuantized(base);
  const target = await checkTarget(outputPath, base.dir);
  await checkTarget(outputPath, adapter);
  await refuseContent(target);

  emit({ kind: 'phase', phase: 'plan' });
  const weights = await readAdapterWeights(adapter, base.files.length);
  const tied = isTied(base);
  const tensors = tied ? withoutHead(base.tensors) : base.tensors;
  const applied = applyAdapter(tensors, weights, config, tied);
  tell(applied, config, emit);
  const files = [...base.files, weights.file];
  const { plan, index } = await layOut(base, applied, files, options);
  const encoded = encodePlan(plan);
  const loaded = await loadPlan(encoded);
  await bringWeights(base, context.signal);
  const written = await writeCheckpoint(
    {
      plan: loaded,
      digest: conversionDigest(encoded, { files }),
      target,
      options: writeOptions,
      complete: async (staging) => {
        const dtype = mainDtype(plan);
        const tokenizer = options.saveTokenizer ?? true;
        await putMergedFiles(staging, base, { dtype, untied: applied.untied, tokenizer });
        if (index !== null) staging.putText('model.safetensors.index.json', index);
      },
      check: (staging) =>
        verifyFiles(loaded, staging.root, {
          payloads: writeOptions.verify === 'full',
          ...(context.signal === undefined ? {} : { signal: context.signal }),
        }),
      isPublished: () => Promise.resolve(false),
    },
    context,
  );
  const { bytesRead, bytesWritten, bytesResumed } = written;
  const seconds = (performance.now() - began) / 1000;
  const output = { kind: 'huggingface', path: target, tensors: plan.keys.length } as const;
  return {
    backend: 'hf_peft',
    adapter,
    base: base.dir,
    changed: changedTensors(applied, base),
    outputs: [{ ...output, bytesRead, bytesWritten, bytesResumed, seconds }],
  };
}

/** The merged tensors in files that are divided as the base's. */
async function layOut(
  base: Source,
  { tensors: merged }: Applied,
  files: readonly { readonly path: string; readonly bytes: number }[],
  { torchDtype = 'auto' }: MergeLoraOptions,
): Promise<{ plan: Plan; index: string | null }> {
  const { tensors, matrices, outputs } = mergePlan(merged, dtypeRule(torchDtype, base.config, base.tensors));
  const index = await readIndex(base.dir, await listSource(base.dir));
  const stored = [...base.tensors].map(
    ([name, { file }]) => [name, basename(base.files[file]?.path ?? '')] as const,
  );
  const fileOf = index ?? new Map(stored);
  const indexMetadata = index === null ? null : await readIndexMetadata(base.dir);
  const shards = shardLike(outputs, { fileOf, indexMetadata });
  const sources = files.map(({ path, bytes }) => ({ path, bytes }));
  const plan = safetensorsPlan({ sources, tensors, outputs, fileOf: shards.fileOf });
  return { plan: matrices.attach(plan), index: shards.index };
}

/** Whether the output layer is the embeddings: config.json's word, or that of its configuration class. */
function isTied({ config, tensors }: Source): boolean {
  const text = isPyMap(config['text_config'] ?? null) ? (config['text_config'] as PyMap) : {};
  const given = config['tie_word_embeddings'] ?? text['tie_word_embeddings'] ?? null;
  if (typeof given === 'boolean') return given;
  const names = Array.isArray(config['architectures']) ? config['architectures'] : [];
  const family = FAMILIES.find(({ architectures }) => architectures.some((name) => names.includes(name)));
  const known = family?.defaults['tie_word_embeddings'];
  // Of a class that is not known here: a head in the files is one of its own.
  return typeof known === 'boolean' ? known : ![...tensors.keys()].some((name) => HEAD.test(name));
}

const HEAD = /(^|\.)lm_head\.weight$/;

/** A tied head in the files is a copy of the embeddings that nobody reads. */
function withoutHead(tensors: ReadonlyMap<string, SourceTensor>): ReadonlyMap<string, SourceTensor> {
  return new Map([...tensors].filter(([name]) => !HEAD.test(name)));
}

function refuseQuantized({ dir, config }: Source): void {
  const given = config['quantization_config'] ?? null;
  if (!isPyMap(given)) return;
  const method = methodOf(given);
  throw new NemotronError('SOURCE_QUANTIZED', `${dir}: the base is quantised with ${method}`, {
    facts: { path: dir, method },
    hint: 'merge into the bfloat16 release of the model, and quantise the result',
  });
}

function tell(
  { ignored, untied }: Applied,
  config: LoraConfig,
  emit: NonNullable<Context['onProgress']>,
): void {
  if (ignored.length > 0) {
    const message = `${config.path} leaves out ${ignored.length} modules that the adapter has weights for: ${ignored.slice(0, 3).join(', ')}`;
    emit({ kind: 'warning', code: 'ADAPTER_MODULE_LEFT_OUT', message });
  }
  if (untied) {
    const message =
      'the embeddings and the output layer are two tensors now: tie_word_embeddings becomes false in config.json';
    emit({ kind: 'note', message });
  }
}

function changedTensors({ tensors }: Applied, base: Source): number {
  const own = new Set(base.tensors.values());
  return [...tensors.values()].filter(({ source, changes }) => changes.length > 0 || !own.has(source)).length;
}

/** The dtype that most elements of a plan are written in. */
function mainDtype({ keys }: Plan): string {
  const counts = new Map<string, number>();
  for (const { dtype, shape } of keys) {
    counts.set(dtype, (counts.get(dtype) ?? 0) + shape.reduce((a, b) => a * b, 1));
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'bfloat16';
}
