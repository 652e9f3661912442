import { FLAGS } from '../argv/flags.js';
import { usage } from '../argv/usage.js';
import { parseWords } from '../argv/words.js';
import type { Io } from '../io.js';
import { jsonText } from '../render/json.js';
import { stepJson } from '../render/step-json.js';
import { listTable, listTree } from '../render/step-text.js';
import type { Manifest } from '../steps/manifest.js';
import { discoverSteps } from '../steps/registry.js';

const COMMAND = 'nemotron steps list';

/** The filters; all that are given must hold. */
const FILTERS: Readonly<Record<string, (step: Manifest, wanted: string) => boolean>> = {
  category: (step, wanted) => step.category === wanted,
  consumes: (step, wanted) => step.consumes.some(({ type }) => type === wanted),
  produces: (step, wanted) => step.produces.some(({ type }) => type === wanted),
  tag: (step, wanted) => step.tags.includes(wanted),
};

export async function list(words: readonly string[], io: Io): Promise<number> {
  const { values, switches, rest } = parseWords(words, { command: COMMAND, flags: FLAGS.list });
  if (rest[0] !== undefined) throw usage(`Got unexpected extra argument (${rest.join(' ')})`, COMMAND);
  const steps = discoverSteps(io.stepsDir).filter((step) =>
    [...values].every(([name, wanted]) => FILTERS[name]?.(step, wanted) ?? true),
  );
  if (switches.has('json')) io.out.write(jsonText(steps.map(stepJson)));
  else if (steps.length === 0) io.out.write('No steps match.\n');
  else if (switches.has('tree')) io.out.write(listTree(steps));
  else io.out.write(listTable(steps, io.out.columns));
  return 0;
}
