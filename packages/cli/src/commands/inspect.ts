import { formatBytes } from '@nemotron-convert/core';
import { FLAGS } from '../argv/flags.js';
import { usage } from '../argv/usage.js';
import { parseWords } from '../argv/words.js';
import type { Io } from '../io.js';
import { jsonText } from '../render/json.js';

const COMMAND = 'nemotron inspect';

/** Tells what a Hugging Face directory, a safetensors file or a Megatron checkpoint holds. */
export async function inspect(words: readonly string[], io: Io): Promise<number> {
  const { values, switches, rest } = parseWords(words, { command: COMMAND, flags: FLAGS.inspect });
  const [path, ...extra] = rest;
  if (path === undefined) throw usage("Missing argument 'PATH'", COMMAND);
  if (extra.length > 0) throw usage(`Got unexpected extra argument (${extra.join(' ')})`, COMMAND);
  const convert = await import('@nemotron-convert/convert');
  const key = values.get('tensor');
  if (key !== undefined) {
    const stats = await convert.inspectTensor(path, key);
    io.out.write(jsonText(stats));
    return 0;
  }
  const found = await convert.inspect(path, { env: io.env });
  if (switches.has('json')) {
    io.out.write(jsonText(found));
    return 0;
  }
  const bytes = found.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  for (const { name, dtype, shape, chunks } of found.tensors) {
    const grid = chunks > 1 ? `  ${chunks} chunks` : '';
    io.out.write(`${name}  ${dtype} [${shape.join(', ')}]${grid}\n`);
  }
  io.out.write(`${found.path}: ${found.kind}, ${found.tensors.length} tensors, ${formatBytes(bytes)}\n`);
  for (const [fact, value] of Object.entries(found.facts)) io.out.write(`  ${fact}: ${value}\n`);
  return 0;
}
