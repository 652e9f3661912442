import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MARK } from './claim.js';
import { placeOf } from './place.js';
import { readIfThere } from './whole-file.js';

/** What an interrupted conversion has left beside its target. */
export interface Unfinished {
  /** Whether it is this very conversion, which goes on from there. */
  readonly isSame: boolean;
  /** Payload bytes that are noted as finished. */
  readonly bytes: number;
}

/** Looks for leftovers beside a target; null when there are none. */
export async function findUnfinished(target: string, digest: string): Promise<Unfinished | null> {
  const work = `${await placeOf(target)}.partial`;
  const mark = await readIfThere(join(work, MARK)).catch(() => null);
  if (mark === null) return null;
  const names = (await readdir(work)).filter((name) => /^journal(-\d+)?$/.test(name));
  const bytes = await Promise.all(names.map((name) => finishedBytes(join(work, name))));
  return { isSame: mark === digest, bytes: bytes.reduce((sum, n) => sum + n, 0) };
}

/** The first line of a journal tells what it is of, every other one of a finished segment; the last one may be torn. */
async function finishedBytes(path: string): Promise<number> {
  const lines = (await readFile(path, 'utf8')).split('\n').slice(1, -1);
  return lines.reduce((sum, line) => sum + (JSON.parse(line) as { payload: number }).payload, 0);
}
