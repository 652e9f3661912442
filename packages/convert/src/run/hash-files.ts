import { basename, join } from 'node:path';
import { type FileHash, hashFiles } from '@nemotron-convert/native';
import type { HashedFile, Provenance } from '../output/provenance.js';
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
  const [config, ...tokenizer] = await hashed(source.dir, ['config.json', ...source.tokenizer]);
  return { files, config: config as HashedFile, tokenizer };
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

/** Files of a directory with their lengths and hashes, in their order. */
export async function hashed(dir: string, names: readonly string[]): Promise<HashedFile[]> {
  const hashes = await hashFiles(names.map((name) => join(dir, name)));
  return names.map((name, at) => ({ name, ...(hashes[at] as FileHash) }));
}
