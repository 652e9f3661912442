import { mkdir, open } from 'node:fs/promises';
import { type ErrorCode, NemotronError } from '@nemotron-convert/core';

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EACCES: 'TARGET_PERMISSION',
  EPERM: 'TARGET_PERMISSION',
  EROFS: 'TARGET_PERMISSION',
  ENOTEMPTY: 'TARGET_EXISTS',
  EEXIST: 'TARGET_EXISTS',
  ENOTDIR: 'TARGET_NOT_DIRECTORY',
};

/** Runs an action on the target's disk; what the system refuses becomes one of the table's errors. */
export async function onDisk<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof NemotronError) throw cause;
    const { code = '', message } = cause as NodeJS.ErrnoException;
    throw new NemotronError(CODES[code] ?? 'WRITE_FAILED', message, { facts: { path, system: code }, cause });
  }
}

/**
 * Makes a directory unless it is there. Not with its parents: where somebody has removed a work directory, nobody would
 * know whose the part was that came back.
 */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EEXIST') throw cause;
  });
}

/** Waits until a file, or a directory's entries, are on the disk. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
