import { usage } from '../argv/usage.js';
import { bash, fish, zsh } from '../completion/scripts.js';
import { completionTable } from '../completion/table.js';
import type { Io } from '../io.js';
import { ROOT } from '../program.js';
import { discoverSteps } from '../steps/registry.js';

const SHELLS: ReadonlyMap<string, typeof bash> = new Map([
  ['bash', bash],
  ['zsh', zsh],
  ['fish', fish],
]);

export async function completion(words: readonly string[], io: Io): Promise<number> {
  const [shell, ...rest] = words;
  const script = shell === undefined ? undefined : SHELLS.get(shell);
  if (script === undefined || rest.length > 0) {
    throw usage(`expected one of ${[...SHELLS.keys()].join(', ')}`, 'nemotron completion');
  }
  io.out.write(script(completionTable(ROOT, discoverSteps(io.stepsDir))));
  return 0;
}
