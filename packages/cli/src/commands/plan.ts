import { trainTree } from '@nemotron-convert/config';
import { FLAGS } from '../argv/flags.js';
import { parseWords } from '../argv/words.js';
import type { Io } from '../io.js';
import { jsonText } from '../render/json.js';
import { planText } from '../render/plan.js';
import { HF_TO_MEGATRON } from '../steps/hf-to-megatron/run.js';
import { discoverSteps, findStep } from '../steps/registry.js';
import { stepSettings } from '../steps/run-step.js';
import { compileRun } from './compile.js';
import { readRunRequest } from './run-request.js';

const STEP = 'convert/hf_to_megatron';
/** The flag that only this command has; the others are those of a run. */
const OWN = FLAGS.plan.filter(({ name }) => name === 'verbose');

/** Shows what a conversion would do to every tensor: what `steps run` takes, and nothing written. */
export async function plan(words: readonly string[], io: Io): Promise<number> {
  const { switches, rest } = parseWords(words, { command: 'nemotron plan', flags: OWN, keepUnknown: true });
  const request = readRunRequest([STEP, ...rest]);
  const step = findStep(discoverSteps(io.stepsDir), STEP);
  const { job, defaultConfig } = compileRun(request, step, io);
  const { env, cwd } = io;
  const settings = stepSettings(trainTree(job), request.passthrough, { env, cwd, defaultConfig });
  const { options } = HF_TO_MEGATRON.read(settings, step.extensions, env);
  const convert = await import('@nemotron-convert/convert');
  const summary = await convert.plan(options, { env });
  io.out.write(request.json ? jsonText(summary) : planText(summary, switches.has('verbose')));
  return 0;
}
