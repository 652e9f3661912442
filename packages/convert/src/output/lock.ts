import { open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { NemotronError } from '@nemotron-convert/core';

const BEAT_MS = 5_000;
/** A lock that no beat has touched for this long belongs to a process that is gone. */
const STALE_MS = 60_000;

interface Holder {
  readonly pid: number;
  /** When the process began, in clock ticks since boot: tells it from a later one with its number. */
  readonly began: string | null;
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
      const { pid } = process;
      const began = (await processState(pid))?.began ?? null;
      const holder: Holder = { pid, began, host: hostname(), since: new Date().toISOString() };
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
    return { pid: 0, began: null, host: hostname(), since: 'an unknown time' };
  }
}

async function isDead(path: string, holder: Holder): Promise<boolean> {
  if (holder.host === hostname()) return !(await isAlive(holder));
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
  return Date.now() - mtimeMs > STALE_MS;
}

async function isAlive({ pid, began }: Holder): Promise<boolean> {
  // Signal 0 to process 0 would ask about ourselves.
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
  const state = await processState(pid);
  if (state === null) return true;
  // A killed process whose parent has not collected it still answers signals.
  return !state.zombie && (began === null || began === state.began);
}

/** What Linux tells about a process; null elsewhere. */
async function processState(
  pid: number,
): Promise<{ readonly zombie: boolean; readonly began: string } | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The command's name, in parentheses, may hold anything; the state and the other fields follow it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { zombie: fields[0] === 'Z' || fields[0] === 'X', began: fields[19] ?? '' };
  } catch {
    return null;
  }
}
