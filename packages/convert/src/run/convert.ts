import { join } from 'node:path';
import { NemotronError, type OnProgress } from '@nemotron-convert/core';
import { execute, layOut } from '@nemotron-convert/native';
import { type ConvertOptions, resolveOptions } from '../options.js';
import { CONTAINERS, ITERATION_DIR } from '../output/container.js';
import { runConfig } from '../output/run-config.js';
import { Staging } from '../output/staging.js';
import { checkTarget } from '../output/target-path.js';
import type { Drop } from '../plan/collect.js';
import { encodePlan } from '../plan/encode.js';
import { openSource } from '../source/open.js';
import { prepare } from './prepare.js';

export interface Context {
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

export interface ConvertReport {
  /** Absolute path of the published checkpoint. */
  readonly path: string;
  readonly architecture: string;
  readonly target: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly seconds: number;
  readonly readMode: string;
  readonly writeMode: string;
  readonly drops: readonly Drop[];
}

/**
 * Converts a Hugging Face checkpoint into a Megatron distributed checkpoint. The target appears complete or not at all.
 */
export async function convert(options: ConvertOptions, context: Context = {}): Promise<ConvertReport> {
  const began = performance.now();
  const emit = context.onProgress ?? (() => undefined);
  const resolved = resolveOptions(options);

  emit({ kind: 'phase', phase: 'resolve' });
  const source = await openSource(resolved.hfModelId);
  const targetPath = await checkTarget(resolved.megatronPath, source.dir);

  emit({ kind: 'phase', phase: 'plan' });
  const { architecture, target, provider, plan, drops, parameters, tokenizerKwargs } = prepare(
    source,
    resolved,
    targetPath,
  );
  for (const drop of drops) {
    emit({ kind: 'note', message: `${drop.tensors.length} source tensors left out: ${drop.reason}` });
  }
  const encoded = encodePlan(plan);
  const layout = await layOut(encoded);

  const staging = await Staging.open(targetPath);
  try {
    const engine = { root: staging.root, ...engineOptions(resolved) };
    await staging.requireSpace(layout.files.reduce((sum, file) => sum + file.bytes, 0));

    const paths = { hfModelId: resolved.hfModelId, save: targetPath };
    await staging.writeText(
      `${ITERATION_DIR}/run_config.yaml`,
      runConfig(provider, target, paths, tokenizerKwargs, resolved.trustRemoteCode),
    );
    await staging.writeText(
      `${ITERATION_DIR}/metadata.json`,
      JSON.stringify(CONTAINERS[target].metadataJson),
    );
    for (const name of source.tokenizer) {
      await staging.copyIn(join(source.dir, name), `${ITERATION_DIR}/tokenizer/${name}`);
    }

    emit({ kind: 'phase', phase: 'convert' });
    const report = await execute(encoded, engine, {
      onProgress: (progress) => emit({ kind: 'bytes', phase: 'convert', ...progress }),
      ...(context.signal === undefined ? {} : { signal: context.signal }),
    });

    emit({ kind: 'phase', phase: 'publish' });
    await staging.writeText('latest_checkpointed_iteration.txt', '0');
    if (context.signal?.aborted === true)
      throw new NemotronError('INTERRUPTED', 'interrupted before publishing');
    await staging.publish();
    return {
      path: targetPath,
      architecture,
      target,
      tensors: plan.keys.length,
      parameters,
      bytesRead: report.bytesRead,
      bytesWritten: report.bytesWritten,
      seconds: (performance.now() - began) / 1000,
      readMode: report.readMode,
      writeMode: report.writeMode,
      drops,
    };
  } catch (error) {
    await staging.discard();
    throw error;
  }
}

function engineOptions({ threads, memory, readMode, writeMode }: ReturnType<typeof resolveOptions>) {
  return {
    readMode,
    writeMode,
    ...(threads === undefined ? {} : { threads }),
    ...(memory === undefined ? {} : { memory }),
  };
}
