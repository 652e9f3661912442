import type { ConfigMap, ConfigValue } from '@nemotron-convert/config';
import { formatBytes } from '@nemotron-convert/core';
import { interruptible } from '../../interrupt.js';
import type { Io, StepRun } from '../../io.js';
import { jsonText } from '../../render/json.js';
import { progress } from '../../render/progress.js';
import type { Manifest } from '../manifest.js';
import type { Settings } from '../settings.js';
import { readOptions } from './options.js';
import { unknownOverrides } from './unknown.js';

export const HF_TO_MEGATRON = { run: runHfToMegatron, describe, read: readOptions };

/** Converts; the target appears complete or not at all. Returns the exit code. */
async function runHfToMegatron(
  settings: Settings,
  manifest: Manifest,
  { env, json, quiet }: StepRun,
  io: Io,
): Promise<number> {
  const { options, idle, notes } = readOptions(settings, manifest.extensions, env);
  const say = (text: string) => {
    if (!quiet) io.err.write(`${text}\n`);
  };
  for (const key of unknownOverrides(settings, manifest))
    say(`warning: ${key} is no parameter of ${manifest.id}`);
  for (const note of notes) say(`note: ${note}`);
  if (idle !== null) {
    say(`rank ${idle} is idle: with distributed=false rank 0 converts alone`);
    return 0;
  }
  const { convert } = await import('@nemotron-convert/convert');
  say(`Converting ${options.hfModelId} -> ${options.megatronPath}`);
  const shown = quiet ? undefined : progress(io.err, () => performance.now() / 1000);
  const report = await interruptible(async (signal) => {
    try {
      return await convert(options, {
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
    const rate = formatBytes(report.bytesWritten / Math.max(report.seconds, 1e-9));
    const size = formatBytes(report.bytesWritten);
    const state = report.published ? '' : ' (the rank that completes the set publishes it)';
    io.out.write(`${report.path}${state}: ${size} in ${report.seconds.toFixed(1)} s, ${rate}/s\n`);
  }
  return 0;
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
