import { join, resolve } from 'node:path';
import { readdir, stat } from '../file-calls.js';

/** Bytes of a source's weight files; infinite for one that is no directory here, such as a model on the Hub. */
export async function sourceBytes(hfModelId: string): Promise<number> {
  const dir = resolve(hfModelId);
  const names = await readdir(dir).catch(() => null);
  if (names === null) return Number.POSITIVE_INFINITY;
  const sizes = names
    .filter((name) => name.endsWith('.safetensors'))
    .map(async (name) => (await stat(join(dir, name)).catch(() => null))?.size ?? 0);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
