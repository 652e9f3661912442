import { closeSync, cpSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';

const BYTES: Readonly<Record<string, number>> = { BF16: 2, F32: 4, I64: 8 };

/** The words of the data, as test/oracle/invent_wide_sources.py tells them. */
const PERIOD = 65521;
const STEP = 40503;
const FINITE = 0xbfff;

interface Told {
  /** The length and the text of the file's header. */
  readonly head: Buffer;
  /** Bytes of the data behind it. */
  readonly bytes: number;
}

/** A copy of a source under `dir` with the weights that its weights.json tells of; returns its path. */
export function madeWhole(source: string, dir: string): string {
  return copied(source, dir, (file, { bytes }) => {
    const words = Uint16Array.from({ length: PERIOD }, (_, k) => (k * STEP) & FINITE);
    // Many periods a call.
    const block = Buffer.alloc(64 * words.byteLength, new Uint8Array(words.buffer));
    for (let done = 0; done < bytes; done += block.length) {
      writeSync(file, block, 0, Math.min(block.length, bytes - done));
    }
  });
}

/** The same with a hole in the place of the data: for what reads headers only. */
export function madeHollow(source: string, dir: string): string {
  return copied(source, dir, (file, { head, bytes }) => ftruncateSync(file, head.length + bytes));
}

function copied(source: string, dir: string, fill: (file: number, told: Told) => void): string {
  const copy = join(dir, basename(source));
  cpSync(source, copy, { recursive: true, filter: (path) => !/(weights|expected\S*)\.json$/.test(path) });
  const told = toldBy(join(source, 'weights.json'));
  const file = openSync(join(copy, 'model.safetensors'), 'w');
  writeSync(file, told.head);
  fill(file, told);
  closeSync(file);
  return copy;
}

function toldBy(path: string): Told {
  const table = JSON.parse(readFileSync(path, 'utf8')) as Record<string, [string, ...number[]]>;
  let at = 0;
  const header = Object.entries(table).map(([name, [dtype, ...shape]]) => {
    const begin = at;
    at += shape.reduce((a, b) => a * b, BYTES[dtype] ?? Number.NaN);
    return [name, { dtype, shape, data_offsets: [begin, at] }];
  });
  const text = JSON.stringify(Object.fromEntries(header));
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return { head: Buffer.concat([length, json]), bytes: at };
}
