import { FLAGS } from '../argv/flags.js';
import { usage } from '../argv/usage.js';
import { parseWords } from '../argv/words.js';
import type { Io } from '../io.js';
import { jsonText } from '../render/json.js';

const COMMAND = 'nemotron models';

/** Lists the supported architectures, from the family tables. */
export async function models(words: readonly string[], io: Io): Promise<number> {
  const { switches, rest } = parseWords(words, { command: COMMAND, flags: FLAGS.models });
  if (rest[0] !== undefined) throw usage(`Got unexpected extra argument (${rest.join(' ')})`, COMMAND);
  const { listModels } = await import('@nemotron-convert/convert');
  const rows = listModels();
  if (switches.has('json')) {
    io.out.write(jsonText(rows));
    return 0;
  }
  const name = Math.max(...rows.map(({ architecture }) => architecture.length));
  const targets = Math.max(...rows.map((row) => row.targets.join(' ').length));
  for (const { architecture, targets: versions, example, note } of rows) {
    const told = note === null ? '' : `  (${note})`;
    io.out.write(`${architecture.padEnd(name)}  ${versions.join(' ').padEnd(targets)}  ${example}${told}\n`);
  }
  return 0;
}
