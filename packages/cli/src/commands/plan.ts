import { trainTree } from '@nemotron-convert/config';
import { formatBytes } from '@nemotron-convert/core';
import type { Io } from '../io.js';
import { jsonText } from '../render/json.js';
import { HF_TO_MEGATRON } from '../steps/hf-to-megatron/run.js';
import { discoverSteps, findStep } from '../steps/registry.js';
import { stepSettings } from '../steps/run-step.js';
import { compileRun } from './compile.js';
import { readRunRequest } from './run-request.js';

const STEP = 'convert/hf_to_megatron';

/** Shows what a conversion would do to every tensor: what `steps run` takes, and nothing written. */
export async function plan(words: readonly string[], io: Io): Promise<number> {
  const request = readRunRequest([STEP, ...words]);
  const step = findStep(discoverSteps(io.stepsDir), STEP);
  const { job, defaultConfig } = compileRun(request, step, io);
  const { env, cwd } = io;
  const settings = stepSettings(trainTree(job), request.passthrough, { env, cwd, defaultConfig });
  const { options } = HF_TO_MEGATRON.read(settings, step.extensions, env);
  const convert = await import('@nemotron-convert/convert');
  const summary = await convert.plan(options, { env });
  if (request.json) {
    io.out.write(jsonText(summary));
    return 0;
  }
  const { source, output, layout, copies, drops } = summary;
  const sizes = Object.entries(layout).map(([name, size]) => `${name}=${size}`);
  const fit = output.free >= output.bytes ? '' : `: ${formatBytes(output.bytes - output.free)} too little`;
  const download = source.missing === 0 ? '' : `, ${formatBytes(source.missing)} of it to download`;
  const rows: readonly (readonly [string, string])[] = [
    ['source', `${source.path} (${source.files} files, ${formatBytes(source.bytes)}${download})`],
    ['model', `${summary.architecture}, ${summary.parameters.toLocaleString('en')} parameters`],
    ['writes for', `Megatron-Bridge ${summary.target}, ${sizes.join(' ')}`],
    ['target', `${output.path} (${output.files.length} files, ${formatBytes(output.bytes)})`],
    ['free disk', `${formatBytes(output.free)}${fit}`],
    ['tensors', String(summary.tensors)],
    ...Object.entries(copies).map(([pair, count]) => ['copies', `${count} x ${pair}`] as const),
    ...drops.map(({ tensors, reason }) => ['left out', `${tensors.length}: ${reason}`] as const),
    ['plan', summary.digest],
  ];
  for (const [name, text] of rows) io.out.write(`${name.padEnd(11)}${text}\n`);
  io.out.write('nothing written\n');
  return 0;
}
