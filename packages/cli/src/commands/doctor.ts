import { FLAGS } from '../argv/flags.js';
import { usage } from '../argv/usage.js';
import { parseWords } from '../argv/words.js';
import { checkEngine, checkHub, checkNode, checkTarget } from '../doctor/conversion.js';
import type { Finding } from '../doctor/finding.js';
import { checkCpu, checkGpu, checkSlurm } from '../doctor/machine.js';
import { checkProfiles } from '../doctor/profiles.js';
import type { Io } from '../io.js';
import { paint } from '../render/color.js';
import { jsonText } from '../render/json.js';

const COMMAND = 'nemotron doctor';

/** Looks at what conversions and submissions need of this machine: 0 unless something would stop a conversion. */
export async function doctor(words: readonly string[], io: Io): Promise<number> {
  const { switches, rest } = parseWords(words, { command: COMMAND, flags: FLAGS.doctor });
  const [path = io.cwd, ...extra] = rest;
  if (extra.length > 0) throw usage(`Got unexpected extra argument (${extra.join(' ')})`, COMMAND);
  const found: Finding[] = [
    checkNode(),
    await checkEngine(),
    await checkCpu(),
    await checkTarget(path),
    await checkGpu(),
    await checkSlurm(io),
    await checkHub(io),
    ...checkProfiles(io),
  ];
  if (switches.has('json')) io.out.write(jsonText(found));
  else {
    const color = paint(io.out, io.env);
    const names = { ok: color('cyan', 'ok  '), note: color('yellow', 'note'), bad: color('red', 'bad ') };
    for (const { state, subject, text } of found) {
      io.out.write(`${names[state]}  ${subject.padEnd(10)}  ${text}\n`);
    }
  }
  return found.some(({ state }) => state === 'bad') ? 1 : 0;
}
