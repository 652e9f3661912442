import { FLAGS } from '../argv/flags.js';
import { usage } from '../argv/usage.js';
import { parseWords } from '../argv/words.js';
import type { Io } from '../io.js';
import { jsonText } from '../render/json.js';
import { stepJsonWithRunspec } from '../render/step-json.js';
import { showText } from '../render/step-text.js';
import { discoverSteps, findStep } from '../steps/registry.js';

const COMMAND = 'nemotron steps show';

export async function show(words: readonly string[], io: Io): Promise<number> {
  const { switches, rest } = parseWords(words, { command: COMMAND, flags: FLAGS.show });
  const [id, ...more] = rest;
  if (id === undefined) throw usage("Missing argument 'STEP_ID'.", COMMAND);
  if (more.length > 0) throw usage(`Got unexpected extra argument (${more.join(' ')})`, COMMAND);
  const step = findStep(discoverSteps(io.stepsDir), id);
  io.out.write(switches.has('json') ? jsonText(stepJsonWithRunspec(step)) : showText(step, io.out.columns));
  return 0;
}
