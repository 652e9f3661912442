import { copyFile, mkdir, readdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatBytes, NemotronError } from '@nemotron-convert/core';
import { onDisk, syncPath } from './disk.js';
import { Lock } from './lock.js';

/** One of several processes that share a conversion. */
export interface RankOf {
  readonly rank: number;
  readonly world: number;
}

export interface StagingOptions {
  /** Identity of what is converted: another one's leftovers are refused. */
  readonly digest: string;
  /** Discards leftovers instead. */
  readonly fresh: boolean;
  readonly ranks: RankOf | null;
}

/** Names the conversion that a directory beside the target belongs to. */
const MARK = 'conversion-id';
const CHECKPOINT = 'checkpoint';

/**
 * `<target>.partial`, in which a checkpoint is built:
 *
 *     conversion-id        digest of the plan, its sources and the tool
 *     lock, lock-<rank>    who works on it
 *     journal, journal-<rank>   finished segments, so that a killed run goes on
 *     done-<rank>          ranks that have finished
 *     checkpoint/          what gets renamed to <target> when everything is on disk
 */
export class Staging {
  private constructor(
    readonly target: string,
    readonly work: string,
    readonly options: StagingOptions,
    readonly lock: Lock,
    /** Whether an earlier run has begun it. */
    readonly resumed: boolean,
  ) {}

  /** The directory that becomes the checkpoint. */
  get root(): string {
    return join(this.work, CHECKPOINT);
  }

  /** The journal's path as seen from the checkpoint's root. */
  get journal(): string {
    return `../journal${suffix(this.options.ranks)}`;
  }

  /**
   * Opens the work directory: a new one, or what an interrupted run of the same conversion left. Throws TARGET_BUSY
   * when somebody works in it, RESUME_MISMATCH when it belongs to another conversion, TARGET_EXISTS when it is foreign.
   */
  static async open(target: string, options: StagingOptions): Promise<Staging> {
    const work = `${target}.partial`;
    return onDisk(work, async () => {
      await mkdir(work, { recursive: true });
      const entries = await readdir(work);
      if (
        entries.length > 0 &&
        !entries.includes(MARK) &&
        !entries.every((name) => name.startsWith('lock'))
      ) {
        throw new NemotronError('TARGET_EXISTS', `${work} is in the way, and no conversion of ours made it`, {
          facts: { path: work, entries: entries.slice(0, 5) },
          hint: `move ${work} away, or choose another megatron_path`,
        });
      }
      const lock = await Lock.take(join(work, `lock${suffix(options.ranks)}`));
      try {
        const resumed = await claim(work, options);
        await mkdir(join(work, CHECKPOINT), { recursive: true });
        return new Staging(target, work, options, lock, resumed);
      } catch (error) {
        await lock.release();
        throw error;
      }
    });
  }

  async requireSpace(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.work);
    const free = bavail * bsize;
    if (free >= bytes) return;
    throw new NemotronError(
      'TARGET_NO_SPACE',
      `${this.target} needs ${formatBytes(bytes)}, and its disk has ${formatBytes(free)} free`,
      { facts: { path: this.target, needed: bytes, free, deficit: bytes - free } },
    );
  }

  async writeText(path: string, text: string): Promise<void> {
    await this.#place(path, (full) => writeFile(full, text));
  }

  async copyIn(from: string, path: string): Promise<void> {
    await this.#place(path, (full) => copyFile(from, full));
  }

  /** Notes that this rank has finished. True when it was the last one, and the publishing is up to it. */
  async finishRank(): Promise<boolean> {
    const { ranks } = this.options;
    if (ranks === null) return true;
    await onDisk(this.work, async () => {
      await writeFile(join(this.work, `done-${ranks.rank}`), '');
      await syncPath(this.work);
    });
    try {
      const entries = await readdir(this.work);
      const done = Array.from({ length: ranks.world }, (_, rank) => entries.includes(`done-${rank}`));
      return done.every(Boolean) && (await this.#winsPublishing());
    } catch (cause) {
      // Another rank saw the set complete first, published it and cleared the work away.
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw cause;
    }
  }

  /** Two ranks may see the set complete at once; one of them publishes. */
  async #winsPublishing(): Promise<boolean> {
    try {
      await Lock.take(join(this.work, 'lock-publish'));
      return true;
    } catch (error) {
      if (error instanceof NemotronError && error.code === 'TARGET_BUSY') return false;
      throw error;
    }
  }

  /** Gives the finished checkpoint its name; the rest of the work directory goes. */
  async publish(): Promise<void> {
    await onDisk(this.target, async () => {
      await syncPath(this.root);
      await rename(this.root, this.target);
      await syncPath(dirname(this.target));
    });
    await this.discard();
  }

  /** Puts a checkpoint that did not verify out of the way, and returns where. */
  async reject(): Promise<string> {
    const rejected = `${this.target}.rejected`;
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
    await this.lock.release();
    await rm(this.work, { recursive: true, force: true });
  }

  async #place(path: string, write: (full: string) => Promise<void>): Promise<void> {
    const full = join(this.root, path);
    await onDisk(full, async () => {
      await mkdir(dirname(full), { recursive: true });
      await write(full);
      await syncPath(full);
    });
  }
}

function suffix(ranks: RankOf | null): string {
  return ranks === null ? '' : `-${ranks.rank}`;
}

/** Makes the work directory this conversion's own. True when it already was. */
async function claim(work: string, { digest, fresh, ranks }: StagingOptions): Promise<boolean> {
  const path = join(work, MARK);
  if (fresh && ranks === null) {
    const own = (await readdir(work)).filter((name) => name !== 'lock');
    await Promise.all(own.map((name) => rm(join(work, name), { recursive: true, force: true })));
  }
  try {
    await writeFile(path, digest, { flag: 'wx' });
    return false;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    const found = await readFile(path, 'utf8');
    if (found === digest) return true;
    if (digest.startsWith(found)) {
      // A run killed while it wrote the mark has written nothing else.
      await writeFile(path, digest);
      return false;
    }
    throw new NemotronError(
      'RESUME_MISMATCH',
      `${work} holds an unfinished conversion ${found.slice(0, 12)}, this one is ${digest.slice(0, 12)}: the source, an option or the version has changed`,
      { facts: { path: work, expected: digest, found } },
    );
  }
}
