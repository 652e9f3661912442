import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';

const CHUNK = 8 * 2 ** 20;
/** A file up to this size is read at once: most are a few kilobytes, and a stream's buffer is not. */
const SMALL = 256 * 2 ** 10;

/** The SHA-256 of a file; a large one is read as a stream. Throws INTERRUPTED's cause when the signal ends it. */
export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  if ((await stat(path)).size <= SMALL) return hash.update(await readFile(path)).digest('hex');
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK, ...(signal ? { signal } : {}) })) {
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}
