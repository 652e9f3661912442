import { copyFile, mkdir, open, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatBytes, NemotronError } from '@nemotron-convert/core';

/**
 * The directory beside the target in which a checkpoint is built. It carries another name until everything is on disk,
 * so that a half-written directory can never be taken for a checkpoint.
 */
export class Staging {
  private constructor(
    readonly target: string,
    readonly root: string,
  ) {}

  /** Creates `<target>.partial`, discarding an abandoned one. */
  static async open(target: string): Promise<Staging> {
    const root = `${target}.partial`;
    await attempt(root, async () => {
      await rm(root, { recursive: true, force: true });
      await mkdir(root, { recursive: true });
    });
    return new Staging(target, root);
  }

  async requireSpace(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.root);
    const free = bavail * bsize;
    if (free >= bytes) return;
    throw new NemotronError(
      'TARGET_NO_SPACE',
      `${this.target} needs ${formatBytes(bytes)}, and its disk has ${formatBytes(free)} free`,
      { facts: { path: this.target, needed: bytes, free, deficit: bytes - free } },
    );
  }

  async writeText(path: string, text: string): Promise<void> {
    const full = join(this.root, path);
    await attempt(full, async () => {
      await mkdir(dirname(full), { recursive: true });
      await writeFile(full, text);
      await sync(full);
    });
  }

  async copyIn(from: string, path: string): Promise<void> {
    const full = join(this.root, path);
    await attempt(full, async () => {
      await mkdir(dirname(full), { recursive: true });
      await copyFile(from, full);
      await sync(full);
    });
  }

  /** Gives the finished checkpoint its name. */
  async publish(): Promise<void> {
    await attempt(this.target, async () => {
      await sync(this.root);
      await rename(this.root, this.target);
      await sync(dirname(this.target));
    });
  }

  async discard(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function attempt(path: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const facts = { path, system: code };
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new NemotronError('DISK_FULL', message, { facts, cause });
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      throw new NemotronError('TARGET_PERMISSION', message, { facts, cause });
    }
    if (code === 'ENOTEMPTY' || code === 'EEXIST')
      throw new NemotronError('TARGET_EXISTS', message, { facts, cause });
    if (code === 'ENOTDIR') throw new NemotronError('TARGET_NOT_DIRECTORY', message, { facts, cause });
    throw new NemotronError('WRITE_FAILED', message, { facts, cause });
  }
}
