import { constants } from 'node:fs';
import { open, rm, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { filesystemOf } from './filesystem.js';

export interface PathCheck {
  /** The nearest directory that exists. */
  readonly path: string;
  readonly filesystem: string;
  readonly isNetwork: boolean;
  readonly free: number;
  /** How files are read and written there unless options say otherwise. */
  readonly readMode: string;
  readonly writeMode: string;
  /** Why nothing can be written there; null when it can. */
  readonly failure: string | null;
}

/** What a conversion into a path would meet. A file is created there and removed again. */
export async function checkPath(wanted: string): Promise<PathCheck> {
  let path = resolve(wanted);
  let found = await statfs(path).catch(() => null);
  while (found === null && dirname(path) !== path) {
    path = dirname(path);
    found = await statfs(path).catch(() => null);
  }
  const { type = 0, bavail = 0, bsize = 0 } = found ?? {};
  const { name: filesystem, isNetwork } = filesystemOf(type);
  const told = { path, filesystem, isNetwork, free: bavail * bsize, readMode: 'pread' };
  const probe = join(path, `.nemotron-doctor-${process.pid}`);
  try {
    await (await open(probe, 'wx')).close();
    const writeMode = await open(probe, constants.O_WRONLY | (constants.O_DIRECT ?? 0)).then(
      async (file) => {
        await file.close();
        return constants.O_DIRECT === undefined ? 'buffered' : 'direct';
      },
      () => 'buffered',
    );
    return { ...told, writeMode, failure: null };
  } catch (cause) {
    return { ...told, writeMode: 'none', failure: (cause as Error).message };
  } finally {
    await rm(probe, { force: true }).catch(() => undefined);
  }
}
