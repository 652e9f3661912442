import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatBytes, NemotronError } from '@nemotron-convert/core';
import type { LoadedPlan } from '@nemotron-convert/native';
import { stat, statfs } from '../file-calls.js';
import type { RankOf } from '../options.js';
import type { Plan } from '../plan/types.js';
import { CHECKPOINT, claim, isLeftOf, MARK, PUBLISH_LOCK, refuseForeign, removeWork } from './claim.js';
import { onDisk, syncPath } from './disk.js';
import { Lock } from './lock.js';
import { makeRoom, placeOf } from './place.js';
import { SmallFiles } from './small-files.js';

export interface StagingOptions {
  /** Identity of what is converted: another one's leftovers are refused. */
  readonly digest: string;
  /** Discards leftovers instead. */
  readonly fresh: boolean;
  readonly ranks: RankOf | null;
  /** Whether the target is this very checkpoint already. */
  readonly isPublished: () => Promise<boolean>;
  /** Ends the waiting for other ranks. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * `<target>.partial`, in which a checkpoint is built:
 *
 *     conversion-id        digest of the plan, its sources and the tool
 *     lock, lock-<rank>    who works on it
 *     journal, journal-<rank>   finished segments, so that a killed run goes on
 *     done-<rank>          ranks that have finished
 *     checkpoint/          what gets renamed to <target> when everything is on disk
 *
 * A target that is a link to a directory is built beside that directory, since only there it can be renamed.
 */
export class Staging {
  readonly #files: SmallFiles;
  #isNamed = false;

  private constructor(
    /** The target with links resolved. */
    readonly place: string,
    readonly work: string,
    readonly options: StagingOptions,
    readonly lock: Lock,
    /** Whether an earlier run has begun it. */
    readonly resumed: boolean,
  ) {
    this.#files = new SmallFiles(this.root);
  }

  /** The directory that becomes the checkpoint. */
  get root(): string {
    return join(this.work, CHECKPOINT);
  }

  /** Whether the target is there, and by this process. */
  get isNamed(): boolean {
    return this.#isNamed;
  }

  /** The journal's path as seen from the checkpoint's root. */
  get journal(): string {
    return `../journal${suffix(this.options.ranks)}`;
  }

  /**
   * Opens the work directory: a new one, or what an interrupted run of the same conversion left. Throws TARGET_BUSY
   * when somebody works in it, RESUME_MISMATCH when it belongs to another conversion, TARGET_EXISTS when it is foreign,
   * TARGET_MOUNT when nothing can take the target's place.
   */
  static async open(target: string, options: StagingOptions): Promise<Staging> {
    const place = await placeOf(target);
    const work = `${place}.partial`;
    return onDisk(work, async () => {
      await makeRoom(place);
      await mkdir(work, { recursive: true });
      await refuseForeign(work);
      const own = suffix(options.ranks);
      const lock = await Lock.take(join(work, `lock${own}`));
      try {
        const resumed = await claim(work, { ...options, suffix: own });
        return new Staging(place, work, options, lock, resumed);
      } catch (error) {
        await lock.release();
        throw error;
      }
    });
  }

  /** Whether there is a work directory beside the target. */
  static async isLeft(target: string): Promise<boolean> {
    return (await stat(`${await placeOf(target)}.partial`).catch(() => null)) !== null;
  }

  /** Clears away what a run that was killed after publishing this conversion has left. False when it is not so. */
  static async settle(target: string, digest: string, isPublished: () => Promise<boolean>): Promise<boolean> {
    const place = await placeOf(target);
    const work = `${place}.partial`;
    if (!(await isLeftOf(work, digest)) || !(await isPublished())) return false;
    await onDisk(place, async () => {
      // That run may have ended before its target's name was on the disk.
      await syncPath(dirname(place));
      await removeWork(work);
    });
    return true;
  }

  async requireSpace(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.work);
    const free = bavail * bsize;
    if (free >= bytes) return;
    throw new NemotronError(
      'TARGET_NO_SPACE',
      `${this.place} needs ${formatBytes(bytes)}, and its disk has ${formatBytes(free)} free`,
      { facts: { path: this.place, needed: bytes, free, deficit: bytes - free } },
    );
  }

  /** Puts a small file into the checkpoint; it is there after `writeSmallFiles`. */
  putText(path: string, text: string): void {
    this.#files.putText(path, text);
  }

  putCopy(copyOf: string, path: string): void {
    this.#files.putCopy(copyOf, path);
  }

  writeSmallFiles(): Promise<void> {
    return this.#files.write();
  }

  /** Has data files, which the engine did not wait for, synced before they are published. */
  alsoSync(paths: Iterable<string>): void {
    this.#files.alsoSync(paths);
  }

  /** The files beside the data, relative to the root, sorted. */
  smallFiles(): string[] {
    return this.#files.names();
  }

  writeIndex(plan: LoadedPlan, paths: Pick<Plan, 'archives' | 'metadata'>): Promise<void> {
    return this.#files.writeIndex(plan, paths);
  }

  /** Notes that this rank has finished. True when it was the last one, and the publishing is up to it. */
  async finishRank(): Promise<boolean> {
    const { ranks } = this.options;
    if (ranks === null) return true;
    try {
      await writeFile(join(this.work, `done-${ranks.rank}`), '');
      await syncPath(this.work);
      return await this.#winsPublishing(ranks.world);
    } catch (cause) {
      if (cause instanceof NemotronError) throw cause;
      // Another rank saw the set complete first, published it and cleared the work away.
      if (await this.options.isPublished()) return false;
      return onDisk(this.work, () => Promise.reject(cause));
    }
  }

  /** Two ranks may see the set complete at once: one publishes, and the other waits, lest that one dies over it. */
  async #winsPublishing(world: number): Promise<boolean> {
    if (!(await this.#allDone(world))) return false;
    const lock = await Lock.whenFree(join(this.work, PUBLISH_LOCK), this.options.signal);
    // Again, under the lock: a rank that starts over takes its mark back.
    if (await this.#allDone(world)) return true;
    await lock.release();
    return false;
  }

  /** Asked by name: a listing may be older than the files in it on a network filesystem. */
  async #allDone(world: number): Promise<boolean> {
    await stat(join(this.work, MARK));
    const names = Array.from({ length: world }, (_, rank) => join(this.work, `done-${rank}`));
    const found = await Promise.all(names.map((name) => stat(name).catch(() => null)));
    return found.every((entry) => entry !== null);
  }

  /** Throws WRITE_FAILED unless these files, relative to the root, are there in full and the work is still ours. */
  async requireWhole(files: readonly { readonly path: string; readonly bytes: number }[]): Promise<void> {
    if (!(await this.lock.isHeld())) {
      throw new NemotronError('WRITE_FAILED', `${this.work} was removed or taken over while it was in use`, {
        facts: { path: this.work },
      });
    }
    for (const { path, bytes } of files) {
      const full = join(this.root, path);
      const found = (await stat(full).catch(() => null))?.size ?? null;
      if (found === bytes) continue;
      const what = found === null ? 'is gone' : `has ${found} bytes`;
      throw new NemotronError(
        'WRITE_FAILED',
        `${full} ${what}, expected ${bytes}: something else changed it`,
        {
          facts: { path: full, expected: bytes, found },
        },
      );
    }
  }

  /** Gives the finished checkpoint its name; the rest of the work directory goes. */
  async publish(): Promise<void> {
    await this.#files.sync();
    await onDisk(this.place, async () => {
      await rename(this.root, this.place);
      this.#isNamed = true;
      await syncPath(dirname(this.place));
    });
    // The checkpoint is there: what cannot be cleared away now, another run settles.
    await this.discard().catch(() => undefined);
  }

  /** Puts a checkpoint that did not verify out of the way, and returns where. */
  async reject(): Promise<string> {
    const rejected = `${this.place}.rejected`;
    await onDisk(rejected, async () => {
      await rm(rejected, { recursive: true, force: true });
      await rename(this.root, rejected);
    });
    await this.discard();
    return rejected;
  }

  /** Leaves the work for another run. */
  async release(): Promise<void> {
    await this.lock.release();
  }

  async discard(): Promise<void> {
    try {
      await removeWork(this.work);
    } finally {
      await this.lock.release();
    }
  }
}

function suffix(ranks: RankOf | null): string {
  return ranks === null ? '' : `-${ranks.rank}`;
}
