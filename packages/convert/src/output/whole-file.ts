import { link, open, rename, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readText, stat } from '../file-calls.js';

/** Begins the names of files that are not yet what they will be. */
export const UNFINISHED = '.new-';
/** What filesystems without hard links answer. */
const NO_LINKS: ReadonlySet<string> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
  'EINVAL',
]);

let count = 0;

/** A name beside `path` that nobody else uses. */
export function unfinishedName(path: string): string {
  count += 1;
  return join(dirname(path), `${UNFINISHED}${basename(path)}-${process.pid}-${Date.now()}-${count}`);
}

/**
 * Creates a file that is never seen without its text, whatever kills this process; a machine that dies may leave it
 * empty. False when one of that name is there already.
 */
export async function createWhole(path: string, text: string): Promise<boolean> {
  const unfinished = unfinishedName(path);
  try {
    await writeFile(unfinished, text);
    try {
      await link(unfinished, path);
      return true;
    } catch (cause) {
      const { code = '' } = cause as NodeJS.ErrnoException;
      // NFS may answer so to the repetition of a call that it has carried out.
      if (code === 'EEXIST') return (await stat(unfinished)).nlink === 2;
      if (!NO_LINKS.has(code)) throw cause;
    }
    return await createExclusive(path, text);
  } finally {
    await removeIfThere(unfinished);
  }
}

/** Replaces a file: readers see the old text or the new one, also when the machine dies over it. */
export async function replaceWhole(path: string, text: string): Promise<void> {
  const unfinished = unfinishedName(path);
  await writeSynced(unfinished, text);
  await rename(unfinished, path);
}

/** A file's text; null when there is no such file. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readText(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
}

/** Removes a file, unless somebody has. */
export async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
  }
}

async function createExclusive(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: 'wx' });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  }
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
