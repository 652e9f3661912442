import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { type HashedFile, PROVENANCE_FILE, type Provenance } from '../output/provenance.js';
import { sha256File } from '../source/hashes.js';
import type { Source } from '../source/open.js';

/** The Hub's version of a large file. */
const SHA256 = /^[0-9a-f]{64}$/;

/** The hashes of a source: of the weights where they are known or `all` asks for them, of the small files always. */
export async function hashSource(
  source: Source,
  all: boolean,
  signal?: AbortSignal,
): Promise<Pick<Provenance['source'], 'files' | 'config' | 'tokenizer'>> {
  const files = [];
  for (const { path, bytes, version } of source.files) {
    const known = typeof version === 'string' && SHA256.test(version) ? version : undefined;
    const sha256 = known ?? (all ? await sha256File(path, signal) : undefined);
    files.push({ name: basename(path), bytes, ...(sha256 === undefined ? {} : { sha256 }) });
  }
  const config = await hashed(source.dir, 'config.json');
  const tokenizer = [];
  for (const name of source.tokenizer) tokenizer.push(await hashed(source.dir, name));
  return { files, config, tokenizer };
}

/** The files of a checkpoint but for the data files and its record, in the order of their names. */
export async function hashCheckpoint(root: string): Promise<HashedFile[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.distcp') && entry.name !== PROVENANCE_FILE)
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
  const files = [];
  for (const name of names) files.push(await hashed(root, name));
  return files;
}

/** What is wrong with the files that a record names, a sentence each. */
export async function changedFiles(root: string, files: readonly HashedFile[]): Promise<string[]> {
  const faults = [];
  for (const { name, sha256 } of files) {
    const found = await sha256File(join(root, name)).catch(() => null);
    if (found === null) faults.push(`${name} is missing`);
    else if (found !== sha256) faults.push(`${name} is not the file that was written`);
  }
  return faults;
}

async function hashed(dir: string, name: string): Promise<HashedFile> {
  const path = join(dir, name);
  return { name, bytes: (await stat(path)).size, sha256: await sha256File(path) };
}
