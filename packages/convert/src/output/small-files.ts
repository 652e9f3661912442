import { dirname, join, relative } from 'node:path';
import { type LoadedPlan, type SmallFile, syncPaths, writeFiles, writeIndex } from '@nemotron-convert/native';
import type { Plan } from '../plan/types.js';

/** The files of a checkpoint beside its data: written without waiting for the disk, then synced at once. */
export class SmallFiles {
  /** Absolute paths of what may not be on the disk yet. */
  readonly #written = new Set<string>();
  /** The same of data files. */
  readonly #data = new Set<string>();
  readonly #waiting: SmallFile[] = [];

  constructor(private readonly root: string) {}

  /** Paths are relative to the root, here and below. What is to be written waits for `write`. */
  putText(path: string, text: string): void {
    // Half of a pair stands for no character; UTF-8 has none of it.
    this.#waiting.push({ path, text: text.replace(/\p{Surrogate}/gu, '\u{fffd}') });
  }

  putCopy(copyOf: string, path: string): void {
    this.#waiting.push({ path, copyOf });
  }

  /** Writes what waits, all of it in one call of the engine. */
  async write(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const files = this.#waiting.splice(0);
    await writeFiles(this.root, files);
    for (const { path } of files) this.#written.add(join(this.root, path));
  }

  /** Has the engine write the archives and the index of a plan. */
  async writeIndex(
    plan: LoadedPlan,
    { archives, metadata }: Pick<Plan, 'archives' | 'metadata'>,
  ): Promise<void> {
    await this.write();
    await writeIndex(plan, this.root, false);
    const index = metadata === undefined ? [] : [metadata];
    for (const { path } of [...archives, ...index]) this.#written.add(join(this.root, path));
  }

  /** Has data files synced with the others. */
  alsoSync(paths: Iterable<string>): void {
    for (const path of paths) this.#data.add(join(this.root, path));
  }

  /** The files that are there, sorted. */
  names(): string[] {
    return [...this.#written].map((path) => relative(this.root, path)).sort();
  }

  /** Waits until the files, and then their names, are on the disk. */
  async sync(): Promise<void> {
    await this.write();
    const folders = new Set([this.root]);
    const files = [...this.#data, ...this.#written];
    for (const file of files) {
      for (let at = dirname(file); at !== this.root; at = dirname(at)) folders.add(at);
    }
    await syncPaths(files, folders);
    this.#data.clear();
    this.#written.clear();
  }
}
