import { trainTree } from '@nemotron-convert/config';
import { FLAGS } from '../argv/flags.js';
import { usage } from '../argv/usage.js';
import { parseWords } from '../argv/words.js';
import type { Io } from '../io.js';
import { jsonText } from '../render/json.js';
import { originsJson, originsText } from '../render/origins.js';
import { stepJsonWithRunspec } from '../render/step-json.js';
import { showText } from '../render/step-text.js';
import type { Manifest } from '../steps/manifest.js';
import { discoverSteps, findStep } from '../steps/registry.js';
import { stepSettings } from '../steps/run-step.js';
import type { Settings } from '../steps/settings.js';
import { compileRun } from './compile.js';
import { readRunRequest } from './run-request.js';

const COMMAND = 'nemotron steps show';

/** Shows a step, or with `--config` a configuration of it as a run would have it. */
export async function show(words: readonly string[], io: Io): Promise<number> {
  const { switches, rest } = parseWords(words, { command: COMMAND, flags: FLAGS.show });
  const [id, ...more] = rest;
  if (id === undefined) throw usage("Missing argument 'STEP_ID'.", COMMAND);
  const step = findStep(discoverSteps(io.stepsDir), id);
  const json = switches.has('json');
  if (switches.has('config')) {
    const settings = configuration(step, more, io);
    io.out.write(json ? jsonText(originsJson(settings)) : originsText(settings));
    return 0;
  }
  if (more.length > 0) throw usage(`Got unexpected extra argument (${more.join(' ')})`, COMMAND);
  io.out.write(json ? jsonText(stepJsonWithRunspec(step)) : showText(step, io.out.columns));
  return 0;
}

/** The words name a configuration, if any, and override its values. */
function configuration(step: Manifest, words: readonly string[], io: Io): Settings {
  const [name, ...others] = words.filter((word) => !word.includes('='));
  if (others.length > 0) throw usage(`Got unexpected extra argument (${others.join(' ')})`, COMMAND);
  const dotlist = words.filter((word) => word.includes('='));
  const request = readRunRequest([step.id, ...(name === undefined ? [] : ['-c', name]), ...dotlist]);
  const { job, defaultConfig } = compileRun(request, step, io);
  return stepSettings(trainTree(job), [], { env: io.env, cwd: io.cwd, defaultConfig });
}
