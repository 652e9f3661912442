import { createReadStream } from 'node:fs';

/** A file of an archive: its text, or a file here to take it from. */
export type TarEntry = {
  readonly path: string;
  readonly mode?: number;
} & ({ readonly text: string } | { readonly from: string; readonly bytes: number });

const BLOCK = 512;

/** A ustar archive, piece by piece: bytes of large files are never all in memory. */
export async function* tarStream(entries: readonly TarEntry[]): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    const bytes = 'text' in entry ? Buffer.byteLength(entry.text) : entry.bytes;
    yield header(entry.path, bytes, entry.mode ?? 0o644);
    if ('text' in entry) yield Buffer.from(entry.text);
    else for await (const chunk of createReadStream(entry.from)) yield chunk as Buffer;
    yield Buffer.alloc((BLOCK - (bytes % BLOCK)) % BLOCK);
  }
  yield Buffer.alloc(2 * BLOCK);
}

function header(path: string, bytes: number, mode: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const [prefix, name] = splitPath(path);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
  block.write(name, 0);
  block.write(octal(mode, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(bytes, 12), 124);
  block.write(octal(0, 12), 136);
  block.write('        ', 148);
  block.write('0', 156);
  block.write('ustar\0' + '00', 257);
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** A name field holds 100 bytes; the directories before it may have 155 more. */
function splitPath(path: string): [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ['', path];
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
    const name = path.slice(at + 1);
    if (Buffer.byteLength(name) <= 100 && at <= 155) return [path.slice(0, at), name];
  }
  throw new RangeError(`${path} is too long for an archive`);
}
