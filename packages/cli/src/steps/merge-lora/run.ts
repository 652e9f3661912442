import type { ConfigMap, ConfigValue } from '@nemotron-convert/config';
import { formatBytes } from '@nemotron-convert/core';
import { interruptible } from '../../interrupt.js';
import type { Io, StepRun } from '../../io.js';
import { jsonText } from '../../render/json.js';
import { progress } from '../../render/progress.js';
import { unknownOverrides } from '../hf-to-megatron/unknown.js';
import { readRanks } from '../hf-to-megatron/world.js';
import type { Manifest } from '../manifest.js';
import type { Settings } from '../settings.js';
import { asBoolean } from '../truth.js';
import { readMergeOptions } from './options.js';

export const MERGE_LORA = { run: runMergeLora, describe };

/** Merges; every output appears complete or not at all. Returns the exit code. */
async function runMergeLora(
  settings: Settings,
  manifest: Manifest,
  { env, json, quiet }: StepRun,
  io: Io,
): Promise<number> {
  const options = readMergeOptions(settings, manifest.extensions);
  const say = (text: string) => {
    if (!quiet) io.err.write(`${text}\n`);
  };
  for (const key of unknownOverrides(settings, manifest))
    say(`warning: ${key} is no parameter of ${manifest.id}`);
  if (settings.has('safe_serialization') && !asBoolean(settings.get('safe_serialization'))) {
    say('note: safe_serialization=false is not followed: weights are written as safetensors');
  }
  const ranks = readRanks(env);
  if (ranks !== null && ranks.rank > 0) {
    say(`rank ${ranks.rank} is idle: rank 0 merges alone`);
    return 0;
  }
  const { mergeLora } = await import('@nemotron-convert/convert');
  const hidden = quiet || !(settings.has('show_progress') ? asBoolean(settings.get('show_progress')) : true);
  const shown = hidden ? undefined : progress(io.err, () => performance.now() / 1000);
  const report = await interruptible(async (signal) => {
    try {
      return await mergeLora(options, {
        env,
        signal,
        ...(shown === undefined ? {} : { onProgress: shown.onProgress }),
      });
    } finally {
      shown?.end();
    }
  });
  if (json) io.out.write(jsonText(report));
  else if (!quiet) {
    for (const { path, bytesWritten, seconds } of report.outputs) {
      io.out.write(`${path}: ${formatBytes(bytesWritten)} in ${seconds.toFixed(1)} s\n`);
    }
  }
  return 0;
}

/** The parameters that the merge would have. */
function describe(settings: Settings, manifest: Manifest): ConfigMap {
  const options = readMergeOptions(settings, manifest.extensions);
  const shown: readonly (readonly [string, ConfigValue | undefined])[] = [
    ['backend', options.backend],
    ['lora_checkpoint', options.loraCheckpoint],
    ['base_hf_path', options.baseHfPath],
    ['base_megatron_path', options.baseMegatronPath],
    ['output_megatron_path', options.outputMegatronPath],
    ['output_hf_path', options.outputHfPath],
    ['torch_dtype', options.torchDtype],
  ];
  return new Map(shown.filter((entry): entry is [string, ConfigValue] => entry[1] !== undefined));
}
