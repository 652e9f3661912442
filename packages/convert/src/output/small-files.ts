import { copyFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { type LoadedPlan, syncPaths, writeIndex } from '@nemotron-convert/native';
import { stat } from '../file-calls.js';
import type { Plan } from '../plan/types.js';
import { makeFolder, onDisk } from './disk.js';

/** The files of a checkpoint beside its data: written without waiting for the disk, then synced at once. */
export class SmallFiles {
  /** Absolute paths of what may not be on the disk yet. */
  readonly #written = new Set<string>();
  /** The same of data files. */
  readonly #data = new Set<string>();

  constructor(private readonly root: string) {}

  /** Paths are relative to the root, here and below. */
  async writeText(path: string, text: string): Promise<void> {
    await this.#place(path, (full) => writeFile(full, text));
  }

  async copyIn(from: string, path: string): Promise<void> {
    await this.#place(path, async (full) => {
      try {
        await copyFile(from, full);
      } catch (cause) {
        if (codeOf(cause) !== 'EACCES') throw cause;
        // A copy that an earlier run made may be as unwritable as its source.
        await rm(full, { force: true });
        await copyFile(from, full);
      }
    });
  }

  /** Has the engine write the archives and the index of a plan. */
  async writeIndex(
    plan: LoadedPlan,
    { archives, metadata }: Pick<Plan, 'archives' | 'metadata'>,
  ): Promise<void> {
    await onDisk(this.root, () => stat(this.root));
    await writeIndex(plan, this.root, false);
    const index = metadata === undefined ? [] : [metadata];
    for (const { path } of [...archives, ...index]) this.#written.add(join(this.root, path));
  }

  /** Has data files synced with the others. */
  alsoSync(paths: Iterable<string>): void {
    for (const path of paths) this.#data.add(join(this.root, path));
  }

  /** The files, sorted. */
  names(): string[] {
    return [...this.#written].map((path) => relative(this.root, path)).sort();
  }

  /** Waits until the files, and then their names, are on the disk. */
  async sync(): Promise<void> {
    const folders = new Set([this.root]);
    const files = [...this.#data, ...this.#written];
    for (const file of files) {
      for (const folder of this.#folders(file)) folders.add(folder);
    }
    await syncPaths(files, folders);
    this.#data.clear();
    this.#written.clear();
  }

  /** The directories below the root that a file lies in, from the outermost on. */
  #folders(full: string): string[] {
    const folders: string[] = [];
    for (let at = dirname(full); at !== this.root; at = dirname(at)) folders.unshift(at);
    return folders;
  }

  async #place(path: string, write: (full: string) => Promise<void>): Promise<void> {
    const full = join(this.root, path);
    await onDisk(full, async () => {
      try {
        await write(full);
      } catch (cause) {
        if (codeOf(cause) !== 'ENOENT') throw cause;
        for (const folder of this.#folders(full)) await makeFolder(folder);
        await write(full);
      }
    });
    this.#written.add(full);
  }
}

function codeOf(cause: unknown): string | undefined {
  return (cause as NodeJS.ErrnoException).code;
}
