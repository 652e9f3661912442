import { link, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { NemotronError } from '@nemotron-convert/core';
import { readText, stat } from '../file-calls.js';
import { createWhole, readIfThere, removeIfThere, unfinishedName } from './whole-file.js';

const BEAT_MS = 5_000;
/** A lock that no beat has touched for this long belongs to a process that is gone. */
const STALE_MS = 60_000;
/** Where files cannot appear with their text, an empty lock is being filled, unless it is older than this. */
const FILLING_MS = 2_000;
const RETRY_MS = 100;

/** What the system tells of this process, asked once. */
let own: ReturnType<typeof processState> | undefined;

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
  readonly #text: string;
  readonly #beat: NodeJS.Timeout;

  private constructor(path: string, text: string) {
    this.#path = path;
    this.#text = text;
    this.#beat = setInterval(() => void this.#touch().catch(() => undefined), BEAT_MS);
    this.#beat.unref();
  }

  /** Takes the lock, from a dead holder too. Throws TARGET_BUSY, naming a living one. */
  static async take(path: string): Promise<Lock> {
    const { pid } = process;
    own ??= processState(pid);
    const began = (await own)?.began ?? null;
    for (;;) {
      const holder: Holder = { pid, began, host: hostname(), since: new Date().toISOString() };
      const text = JSON.stringify(holder);
      if (await createWhole(path, text)) return new Lock(path, text);
      const found = await readIfThere(path);
      if (found === null) continue;
      await requireDead(path, found);
      await evict(path, found);
    }
  }

  /** Takes the lock once no living process holds it. Throws INTERRUPTED when the signal comes first. */
  static async whenFree(path: string, signal?: AbortSignal): Promise<Lock> {
    for (;;) {
      if (signal?.aborted === true)
        throw new NemotronError('INTERRUPTED', `interrupted while another process held ${path}`);
      try {
        return await Lock.take(path);
      } catch (error) {
        if (!(error instanceof NemotronError) || error.code !== 'TARGET_BUSY') throw error;
        await sleep(RETRY_MS);
      }
    }
  }

  /** Throws TARGET_BUSY when somebody living holds the lock. */
  static async requireFree(path: string): Promise<void> {
    const found = await readIfThere(path);
    if (found !== null) await requireDead(path, found);
  }

  /** Whether the lock is still this one's: nobody has removed it, or taken it for dead. */
  async isHeld(): Promise<boolean> {
    return (await readIfThere(this.#path)) === this.#text;
  }

  async release(): Promise<void> {
    clearInterval(this.#beat);
    if (await this.isHeld().catch(() => true)) await removeIfThere(this.#path);
  }

  /** Written, not only stamped: the time is then that of the file's server, as is the time it is compared with. */
  async #touch(): Promise<void> {
    if (await this.isHeld()) await writeFile(this.#path, this.#text, { flag: 'r+' });
  }
}

/**
 * Removes the lock of a dead holder. Others may be about to do the same, and one of them may hold a new lock by now:
 * whatever was moved away is looked at, and put back if it is not the dead one's.
 */
async function evict(path: string, dead: string): Promise<void> {
  const aside = unfinishedName(path);
  try {
    await rename(path, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw cause;
  }
  if ((await readText(aside)) !== dead) await putBack(aside, path);
  await removeIfThere(aside);
}

async function putBack(aside: string, path: string): Promise<void> {
  try {
    await link(aside, path);
  } catch (cause) {
    // Somebody has taken the free place, or the filesystem has no hard links.
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') await rename(aside, path);
  }
}

async function requireDead(path: string, text: string): Promise<void> {
  const holder = parseHolder(text);
  if (holder === null) {
    await filled(path, text);
    return;
  }
  if (holder.host === hostname() ? !(await isAlive(holder)) : (await ageMs(path)) > STALE_MS) return;
  throw new NemotronError(
    'TARGET_BUSY',
    `${path} is held by process ${holder.pid} on ${holder.host} since ${holder.since}`,
    { facts: { path, ...holder } },
  );
}

/** Waits until a lock without a holder is filled, or old enough to be that of a process killed while filling it. */
async function filled(path: string, text: string): Promise<void> {
  for (;;) {
    if ((await readIfThere(path)) !== text || (await ageMs(path)) > FILLING_MS) return;
    await sleep(FILLING_MS / 10);
  }
}

function parseHolder(text: string): Holder | null {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return null;
  }
}

/** How long nobody has written a file, by the clock of the filesystem that it is on. */
async function ageMs(path: string): Promise<number> {
  const probe = unfinishedName(path);
  try {
    await writeFile(probe, '');
    const now = (await stat(probe)).mtimeMs;
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
    return now - mtimeMs;
  } finally {
    await removeIfThere(probe);
  }
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
    const text = await readText(`/proc/${pid}/stat`);
    // The command's name, in parentheses, may hold anything; the state and the other fields follow it.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { zombie: fields[0] === 'Z' || fields[0] === 'X', began: fields[19] ?? '' };
  } catch {
    return null;
  }
}
