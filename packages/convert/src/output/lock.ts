import { open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { NemotronError } from '@nemotron-convert/core';

const BEAT_MS = 5_000;
/** A lock that no beat has touched for this long belongs to a process that is gone. */
const STALE_MS = 60_000;

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
}

/**
 * A lock file that tells who holds it. A plain file, since advisory locks hang or lie on the network filesystems that
 * checkpoints live on: it is fresh as long as its holder touches it, and on the holder's own host as long as that
 * process lives.
 */
export class Lock {
  readonly #path: string;
  readonly #beat: NodeJS.Timeout;

  private constructor(path: string) {
    this.#path = path;
    this.#beat = setInterval(() => {
      const now = new Date();
      utimes(path, now, now).catch(() => undefined);
    }, BEAT_MS);
    this.#beat.unref();
  }

  /** Takes the lock, from a dead holder too. Throws TARGET_BUSY, naming a living one. */
  static async take(path: string): Promise<Lock> {
    for (let attempt = 0; ; attempt += 1) {
      const lock = await Lock.tryTake(path);
      if (lock !== null) return lock;
      const holder = await readHolder(path);
      if (holder !== null && (attempt > 0 || !(await isDead(path, holder)))) {
        throw new NemotronError(
          'TARGET_BUSY',
          `${path} is held by process ${holder.pid} on ${holder.host} since ${holder.since}`,
          { facts: { path, ...holder } },
        );
      }
      await rm(path, { force: true });
    }
  }

  /** Takes the lock when nobody has it. */
  static async tryTake(path: string): Promise<Lock | null> {
    try {
      const file = await open(path, 'wx');
      const holder: Holder = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
      await file.writeFile(JSON.stringify(holder));
      await file.close();
      return new Lock(path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return null;
      throw cause;
    }
  }

  async release(): Promise<void> {
    clearInterval(this.#beat);
    await rm(this.#path, { force: true });
  }
}

async function readHolder(path: string): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    // Killed between creating and filling it.
    return { pid: 0, host: hostname(), since: 'an unknown time' };
  }
}

async function isDead(path: string, holder: Holder): Promise<boolean> {
  if (holder.host === hostname()) return !isAlive(holder.pid);
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
  return Date.now() - mtimeMs > STALE_MS;
}

function isAlive(pid: number): boolean {
  // Signal 0 to group 0 would ask about ourselves.
  if (pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}
