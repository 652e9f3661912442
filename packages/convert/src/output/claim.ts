import { rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';
import { readdir } from '../file-calls.js';
import { makeFolder } from './disk.js';
import { Lock } from './lock.js';
import { readIfThere, removeIfThere, replaceWhole, UNFINISHED } from './whole-file.js';

/** Names the conversion that a work directory belongs to. */
export const MARK = 'conversion-id';
export const CHECKPOINT = 'checkpoint';
const CLAIM_LOCK = 'lock-claim';
export const PUBLISH_LOCK = 'lock-publish';

export interface Claim {
  /** Identity of what is converted: another one's leftovers are refused. */
  readonly digest: string;
  /** Discards leftovers instead. */
  readonly fresh: boolean;
  /** Ends the names of this process's own files; empty for a process alone. */
  readonly suffix: string;
  /** Ends the waiting for other processes of the same job. */
  readonly signal?: AbortSignal | undefined;
}

/** Throws TARGET_EXISTS when a directory has something in it and is no work directory. */
export async function refuseForeign(work: string): Promise<void> {
  const entries = await readdir(work);
  if (entries.includes(MARK) || entries.every(isTransient)) return;
  throw new NemotronError('TARGET_EXISTS', `${work} is in the way, and no conversion of ours made it`, {
    facts: { path: work, entries: entries.slice(0, 5) },
    hint: `move ${work} away, or choose another megatron_path`,
  });
}

/**
 * Makes a work directory this conversion's own; the caller holds its own lock in it. True when there is work of this
 * conversion to go on with. Throws RESUME_MISMATCH when there is work of another one, unless it is to be discarded.
 */
export async function claim(work: string, wanted: Claim): Promise<boolean> {
  const lock = await Lock.whenFree(join(work, CLAIM_LOCK), wanted.signal);
  try {
    const resumed = await claimLocked(work, wanted);
    await makeFolder(join(work, CHECKPOINT));
    return resumed;
  } finally {
    await lock.release();
  }
}

async function claimLocked(work: string, { digest, fresh, suffix, signal }: Claim): Promise<boolean> {
  const mark = join(work, MARK);
  const found = await readIfThere(mark);
  const entries = await readdir(work);
  if (found === digest) {
    // Without its checkpoint, published or removed, what journals say of it is void.
    if (!entries.includes(CHECKPOINT) || (fresh && suffix === '')) {
      await clear(work);
      return false;
    }
    await restart(work, { suffix, fresh, signal });
    return !fresh;
  }
  if (entries.some(isWork)) {
    if (!fresh) throw mismatch(work, digest, found ?? '');
    for (const name of entries.filter((entry) => isForeignLock(entry, suffix))) {
      await Lock.requireFree(join(work, name));
    }
    await clear(work);
  }
  await replaceWhole(mark, digest);
  return false;
}

/** A rank that begins again is not done any more; not while another one is publishing what it has done. */
async function restart(
  work: string,
  { suffix, fresh, signal }: Pick<Claim, 'suffix' | 'fresh' | 'signal'>,
): Promise<void> {
  if (suffix === '') return;
  // Who publishes took the set for complete with this rank's old mark in it: it is published soon, and this fails.
  const lock = await Lock.whenFree(join(work, PUBLISH_LOCK), signal);
  try {
    await removeIfThere(join(work, `done${suffix}`));
    if (fresh) await removeIfThere(join(work, `journal${suffix}`));
  } finally {
    await lock.release();
  }
}

/** Removes the work, but neither the mark nor locks: killed on the way, the directory is still known as ours. */
export async function clear(work: string): Promise<void> {
  const entries = await readdir(work);
  const own = entries.filter(isWork);
  // The notes of finished work go before the work.
  const [notes, rest] = [
    own.filter((name) => name !== CHECKPOINT),
    own.filter((name) => name === CHECKPOINT),
  ];
  for (const name of [...notes, ...rest]) await rm(join(work, name), { recursive: true, force: true });
}

/** Whether a work directory is one of this conversion, or what a kill left of one that had lost its mark already. */
export async function isLeftOf(work: string, digest: string): Promise<boolean> {
  const mark = await readIfThere(join(work, MARK)).catch(() => null);
  if (mark !== null) return mark === digest;
  const entries = await readdir(work).catch(() => null);
  return entries?.every(isTransient) ?? false;
}

/** What removing meets when somebody has removed the directory too, or has begun to use it. */
const NOT_ALONE = ['ENOENT', 'ENOTEMPTY', 'EEXIST'];

/**
 * Removes all of it, unless somebody comes when its locks are gone. The mark goes last but for the locks: killed on the way,
 * the directory is still known as ours.
 */
export async function removeWork(work: string): Promise<void> {
  try {
    await clear(work);
    await removeIfThere(join(work, MARK));
    const rest = await readdir(work);
    for (const name of rest.filter(isTransient)) await removeIfThere(join(work, name));
    await rmdir(work);
  } catch (cause) {
    if (!NOT_ALONE.includes((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
  }
}

function mismatch(work: string, expected: string, found: string): NemotronError {
  return new NemotronError(
    'RESUME_MISMATCH',
    `${work} holds an unfinished conversion ${found.slice(0, 12)}, this one is ${expected.slice(0, 12)}: the source, an option or the version has changed`,
    { facts: { path: work, expected, found } },
  );
}

function isWork(name: string): boolean {
  return name !== MARK && !isTransient(name);
}

function isTransient(name: string): boolean {
  return name.startsWith('lock') || name.startsWith(UNFINISHED);
}

function isForeignLock(name: string, suffix: string): boolean {
  return name.startsWith('lock') && name !== `lock${suffix}` && name !== CLAIM_LOCK;
}
