import type { ConfigMap, ConfigValue } from '@nemotron-convert/config';
import type { Io, StepRun } from '../../io.js';
import { runConversion } from '../conversion.js';
import type { Manifest } from '../manifest.js';
import type { Settings } from '../settings.js';
import { readOptions } from './options.js';

export const MEGATRON_TO_HF = { run: runMegatronToHf, describe };

async function runMegatronToHf(
  settings: Settings,
  manifest: Manifest,
  run: StepRun,
  io: Io,
): Promise<number> {
  const { options, showProgress, idle } = readOptions(settings, manifest.extensions, run.env);
  return runConversion(
    {
      from: options.megatronPath,
      to: options.hfPath,
      idle: idle === null ? null : `rank ${idle} is idle: other ranks write`,
      notes: [],
      showProgress,
      convert: async (context) => (await import('@nemotron-convert/convert')).exportHf(options, context),
    },
    settings,
    manifest,
    run,
    io,
  );
}

/** The parameters that the export would have. */
function describe(settings: Settings, manifest: Manifest, { env }: StepRun): ConfigMap {
  const { options } = readOptions(settings, manifest.extensions, env);
  const { megatronPath, hfModelId, hfPath, dtype = null, strict = true } = options;
  return new Map<string, ConfigValue>([
    ['megatron_path', megatronPath],
    ['hf_model_id', hfModelId],
    ['hf_path', hfPath],
    ['dtype', dtype],
    ['strict', strict],
  ]);
}
