import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** SHA-256 of every file below a directory but conversion.json, which tells the time. */
export function hashTree(dir: string): Map<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const hashed = files
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.endsWith('conversion.json'))
    .map(
      (path) => [relative(dir, path), createHash('sha256').update(readFileSync(path)).digest('hex')] as const,
    );
  return new Map(hashed.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A small seeded generator of numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}
