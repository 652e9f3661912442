import type { ConfigMap, ConfigValue } from '@nemotron-convert/config';
import type { Io, StepRun } from '../../io.js';
import { runConversion } from '../conversion.js';
import type { Manifest } from '../manifest.js';
import type { Settings } from '../settings.js';
import { readOptions } from './options.js';

export const HF_TO_MEGATRON = { run: runHfToMegatron, describe, read: readOptions };

async function runHfToMegatron(
  settings: Settings,
  manifest: Manifest,
  run: StepRun,
  io: Io,
): Promise<number> {
  const { options, idle, notes } = readOptions(settings, manifest.extensions, run.env);
  return runConversion(
    {
      from: options.hfModelId,
      to: options.megatronPath,
      idle: idle === null ? null : `rank ${idle} is idle: with distributed=false rank 0 converts alone`,
      notes,
      showProgress: true,
      convert: async (context) => (await import('@nemotron-convert/convert')).convert(options, context),
    },
    settings,
    manifest,
    run,
    io,
  );
}

/** The parameters that the conversion would have: sizes that nobody chose as they count, not as they are written. */
function describe(settings: Settings, manifest: Manifest, { env }: StepRun): ConfigMap {
  const {
    hfModelId,
    megatronPath,
    dtype = 'bfloat16',
    tp,
    pp,
    ep,
    etp,
  } = readOptions(settings, manifest.extensions, env).options;
  return new Map<string, ConfigValue>([
    ['hf_model_id', hfModelId],
    ['megatron_path', megatronPath],
    ['dtype', dtype],
    ['tp', BigInt(tp)],
    ['pp', BigInt(pp)],
    ['ep', BigInt(ep)],
    ['etp', BigInt(etp)],
  ]);
}
