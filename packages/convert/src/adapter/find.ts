import { type Dirent, existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';

export const ADAPTER_CONFIG = 'adapter_config.json';

/** Folders below a training run are few levels deep. */
const DEEPEST = 12;

interface Candidate {
  readonly dir: string;
  readonly number: bigint;
  readonly modifiedMs: number;
}

/**
 * The directory of the adapter that a path means: itself when it has adapter_config.json, else the one below whose
 * relative path has the largest number anywhere in it (a training step, mostly), then the newest, then the last by name.
 * Throws ADAPTER_MISSING when there is none.
 */
export async function findAdapter(path: string): Promise<string> {
  const root = resolve(path);
  if (existsSync(join(root, ADAPTER_CONFIG))) return root;
  const [best] = (await candidates(root, root, 0)).sort(
    (a, b) => compare(b.number, a.number) || b.modifiedMs - a.modifiedMs || compare(b.dir, a.dir),
  );
  if (best !== undefined) return best.dir;
  const found = existsSync(root) ? 'is at or below' : 'is in';
  const state = existsSync(root) ? '' : ', which does not exist';
  throw new NemotronError('ADAPTER_MISSING', `no ${ADAPTER_CONFIG} ${found} ${root}${state}`, {
    facts: { kind: 'ValueError', path: root },
    hint: `set lora_checkpoint to the directory that has it; to look for candidates: find ${root} -name ${ADAPTER_CONFIG}`,
  });
}

async function candidates(root: string, dir: string, depth: number): Promise<Candidate[]> {
  if (depth > DEEPEST) return [];
  const entries: Dirent[] = await readdir(dir, { withFileTypes: true }).catch(() => []);
  const found: Candidate[] = [];
  for (const entry of entries) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) found.push(...(await candidates(root, path, depth + 1)));
    else if (entry.name === ADAPTER_CONFIG) {
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
      found.push({ dir, number: largestNumber(relative(root, path)), modifiedMs: mtimeMs });
    }
  }
  return found;
}

function largestNumber(path: string): bigint {
  return (path.match(/\d+/g) ?? []).map(BigInt).reduce((a, b) => (a > b ? a : b), -1n);
}

function compare<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : Number(a > b);
}
