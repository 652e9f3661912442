import { formatBytes } from '@nemotron-convert/core';
import { FLAGS } from '../argv/flags.js';
import { usage } from '../argv/usage.js';
import { parseWords } from '../argv/words.js';
import { interruptible } from '../interrupt.js';
import type { Io } from '../io.js';
import { jsonText } from '../render/json.js';

const COMMAND = 'nemotron verify';
/** More than this many faults say nothing new. */
const SHOWN = 20;

/** Verifies a checkpoint: 0 when all is well, 6 when something differs. */
export async function verify(words: readonly string[], io: Io): Promise<number> {
  const { values, switches, rest } = parseWords(words, { command: COMMAND, flags: FLAGS.verify });
  const [path, ...extra] = rest;
  if (path === undefined) throw usage("Missing argument 'DIR'", COMMAND);
  if (extra.length > 0) throw usage(`Got unexpected extra argument (${extra.join(' ')})`, COMMAND);
  const convert = await import('@nemotron-convert/convert');
  const wanted = values.get('mode');
  const mode = convert.VERIFY_MODES.find((name) => name === wanted);
  if (wanted !== undefined && mode === undefined) {
    throw usage(`--mode ${wanted}: expected one of ${convert.VERIFY_MODES.join(', ')}`, COMMAND);
  }
  const against = values.get('against');
  const report = await interruptible((signal) =>
    convert.verify({
      path,
      env: io.env,
      signal,
      ...(mode === undefined ? {} : { mode }),
      ...(against === undefined ? {} : { against }),
    }),
  );
  const { faults, tensors, objects, items, bytes, seconds } = report;
  if (switches.has('json')) io.out.write(jsonText(report));
  else {
    for (const fault of faults.slice(0, SHOWN)) io.out.write(`${fault}\n`);
    const size = `${tensors} tensors, ${objects} objects, ${items} items, ${formatBytes(bytes)}`;
    const result =
      faults.length === 0 ? 'ok' : `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}`;
    io.out.write(`${report.path}: ${result} (${report.mode}; ${size}; ${seconds.toFixed(1)} s)\n`);
  }
  return faults.length === 0 ? 0 : 6;
}
