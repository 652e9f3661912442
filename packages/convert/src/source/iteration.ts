import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';

const TRACKER = 'latest_checkpointed_iteration.txt';

/**
 * The iteration directory that a path means: itself when it has `.metadata`, else the tracker's latest, else the
 * highest `iter_*`. Throws CHECKPOINT_INVALID when there is none.
 */
export async function iterationDir(path: string): Promise<string> {
  const dir = resolve(path);
  if (await exists(join(dir, '.metadata'))) return dir;
  const latest = (await readFile(join(dir, TRACKER), 'utf8').catch(() => '')).trim();
  const named = /^\d+$/.test(latest) ? [`iter_${latest.padStart(7, '0')}`] : [];
  const found = (await readdir(dir).catch(() => []))
    .filter((name) => /^iter_\d+$/.test(name))
    .sort()
    .reverse();
  for (const name of [...named, ...found]) {
    if (await exists(join(dir, name, '.metadata'))) return join(dir, name);
  }
  throw new NemotronError('CHECKPOINT_INVALID', `${dir} has no iteration directory with .metadata`, {
    facts: { path: dir },
    hint: 'give the directory of a finished checkpoint; a conversion that was interrupted is finished by running it again',
  });
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}
