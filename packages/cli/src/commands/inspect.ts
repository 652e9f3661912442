import type { Inspection, TensorStats } from '@nemotron-convert/convert';
import { formatBytes, NemotronError } from '@nemotron-convert/core';
import { FLAGS } from '../argv/flags.js';
import { suggestions } from '../argv/similarity.js';
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
  if (switches.has('stats') && key === undefined) throw usage('--stats needs --tensor KEY', COMMAND);
  if (key !== undefined && switches.has('stats')) {
    const stats = await convert.inspectTensor(path, key);
    io.out.write(switches.has('json') ? jsonText({ name: key, ...stats }) : statsText(key, stats));
    return 0;
  }
  const all = await convert.inspect(path, { env: io.env });
  const found = key === undefined ? all : { ...all, tensors: [theTensor(all, key)] };
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

function theTensor({ path, tensors }: Inspection, key: string): Inspection['tensors'][number] {
  const found = tensors.find(({ name }) => name === key);
  if (found !== undefined) return found;
  const [near] = suggestions(
    key,
    tensors.map(({ name }) => name),
    0.6,
  );
  throw new NemotronError('CHECKPOINT_INVALID', `${path}: no tensor ${key}`, {
    facts: { path, tensor: key },
    hint: near === undefined ? 'leave --tensor out to see all names' : `did you mean ${near}?`,
  });
}

function statsText(key: string, { sha256, elements, floats }: TensorStats): string {
  const figures = Object.entries(floats ?? {}).map(([name, value]) => `  ${name}: ${value}\n`);
  return `${key}\n  elements: ${elements}\n${figures.join('')}  sha256: ${sha256}\n`;
}
