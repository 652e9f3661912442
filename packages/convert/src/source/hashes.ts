import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

const CHUNK = 8 * 2 ** 20;

/** The SHA-256 of a file, read as a stream. Throws INTERRUPTED's cause when the signal ends it. */
export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK, ...(signal ? { signal } : {}) })) {
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}
