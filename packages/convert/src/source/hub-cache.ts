import { randomUUID } from 'node:crypto';
import {
  copyFile,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { type HubId, isCommit } from './hub-id.js';
import type { HubFile } from './hub-list.js';

/**
 * A model's directory in the cache that Python's huggingface_hub shares:
 *
 *     models--org--name/
 *       refs/main                      the commit that a revision was at
 *       blobs/<etag>                   file contents
 *       snapshots/<commit>/<name>      relative links into blobs/
 */
export class ModelCache {
  readonly dir: string;

  constructor(cache: string, repo: string) {
    this.dir = join(cache, `models--${repo.replaceAll('/', '--')}`);
  }

  get blobs(): string {
    return join(this.dir, 'blobs');
  }

  snapshot(commit: string): string {
    return join(this.dir, 'snapshots', commit);
  }

  /** The commit that a revision was at when it was last looked up. */
  async commitOf({ revision }: HubId): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const text = await readFile(join(this.dir, 'refs', revision), 'utf8').catch(() => '');
    return isCommit(text.trim()) ? text.trim() : undefined;
  }

  async writeRef(revision: string, commit: string): Promise<void> {
    if (isCommit(revision)) return;
    const path = join(this.dir, 'refs', revision);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, commit);
  }

  async hasBlob(file: HubFile): Promise<boolean> {
    return (await sizeOf(join(this.blobs, file.etag))) === file.bytes;
  }

  /** The files of a snapshot whose links lead somewhere; undefined when there is none. */
  async names(snapshot: string): Promise<ReadonlySet<string> | undefined> {
    const entries = await readdir(snapshot).catch(() => undefined);
    if (entries === undefined) return undefined;
    const sizes = await Promise.all(entries.map((name) => sizeOf(join(snapshot, name))));
    return new Set(entries.filter((_, index) => sizes[index] !== undefined));
  }

  /** Whether a snapshot shows a file of the right length. */
  async hasFile(commit: string, file: HubFile): Promise<boolean> {
    return (await sizeOf(join(this.snapshot(commit), file.name))) === file.bytes;
  }

  /** Takes a file out of a snapshot, and its blob out of the cache unless another snapshot shows it. */
  async remove(commit: string, file: HubFile): Promise<void> {
    await rm(join(this.snapshot(commit), file.name), { force: true });
    const commits = await readdir(join(this.dir, 'snapshots'));
    for (const other of commits.filter((name) => name !== commit)) {
      const dir = this.snapshot(other);
      for (const name of await readdir(dir).catch(() => [])) {
        if ((await blobNameOf(join(dir, name))) === file.etag) return;
      }
    }
    await rm(join(this.blobs, file.etag), { force: true });
  }

  /** Puts a blob into a snapshot: a relative link, or where there are no links, the file itself. */
  async link(commit: string, file: HubFile): Promise<void> {
    const place = join(this.snapshot(commit), file.name);
    const blob = join(this.blobs, file.etag);
    await mkdir(dirname(place), { recursive: true });
    const fresh = `${place}.${randomUUID()}`;
    try {
      await symlink(relative(dirname(place), blob), fresh);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
      await copyFile(blob, fresh);
    }
    await rename(fresh, place);
  }
}

/** The name of the blob that a file of a snapshot is; undefined for one that is no link. */
export async function blobNameOf(path: string): Promise<string | undefined> {
  const target = await readlink(path).catch(() => undefined);
  return target === undefined ? undefined : basename(target);
}

export async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true ? found.size : undefined;
}
