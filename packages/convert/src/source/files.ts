import { join } from 'node:path';
import { type ErrorCode, NemotronError } from '@nemotron-convert/core';
import { readdir, readFile, stat } from '../file-calls.js';

/** No real index or config comes near it; a larger one is hostile or something else. */
const MAX_JSON_BYTES = 256 * 1024 * 1024;
const INDEX = 'model.safetensors.index.json';

/** The names of a source directory's entries. Throws SOURCE_MISSING or SOURCE_PERMISSION. */
export async function listSource(dir: string): Promise<ReadonlySet<string>> {
  try {
    return new Set(await readdir(dir));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'EACCES' || code === 'EPERM') {
      throw new NemotronError('SOURCE_PERMISSION', `${dir} cannot be listed`, {
        facts: { path: dir },
        cause,
      });
    }
    const found = code === 'ENOTDIR' ? 'is not a directory' : 'does not exist';
    throw new NemotronError('SOURCE_MISSING', `${dir} ${found}`, { facts: { path: dir }, cause });
  }
}

/** Reads a small text file of the source. */
export async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_JSON_BYTES) throw new RangeError(`${size} bytes is more than ${MAX_JSON_BYTES}`);
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'EACCES' || code === 'EPERM') {
      throw new NemotronError('SOURCE_PERMISSION', `${path} cannot be read`, { facts: { path }, cause });
    }
    throw new NemotronError(codeOf(path), `${path}: ${(cause as Error).message}`, { facts: { path }, cause });
  }
}

/** What is wrong when a file of this name cannot be used. */
function codeOf(path: string): ErrorCode {
  if (path.endsWith(INDEX)) return 'SOURCE_INDEX_INVALID';
  return path.endsWith('adapter_config.json') ? 'ADAPTER_CONFIG_INVALID' : 'SOURCE_CONFIG_INVALID';
}

/** What an index says: tensor name → file name. */
export type WeightMap = ReadonlyMap<string, string>;

/** The weight map of a source's index. Null when the source has none. */
export async function readIndex(dir: string, names: ReadonlySet<string>): Promise<WeightMap | null> {
  if (!names.has(INDEX)) return null;
  const path = join(dir, INDEX);
  const map = (await parseIndex(path))?.weight_map;
  if (!isRecord(map)) throw invalidIndex(path, 'weight_map is not a map');
  const files = new Map<string, string>();
  for (const [tensor, file] of Object.entries(map)) {
    if (typeof file !== 'string') throw invalidIndex(path, `weight_map.${tensor} is not a file name`);
    if (file === '' || file.includes('/') || file.includes('\\') || file === '..') {
      throw invalidIndex(path, `weight_map.${tensor} names ${file}, which is outside the directory`);
    }
    files.set(tensor, file);
  }
  return files;
}

/** The `metadata` of a source's index, as it is there. */
export async function readIndexMetadata(dir: string): Promise<Readonly<Record<string, unknown>>> {
  const found = (await parseIndex(join(dir, INDEX)))?.metadata;
  return isRecord(found) ? found : {};
}

async function parseIndex(path: string): Promise<{ weight_map?: unknown; metadata?: unknown } | null> {
  try {
    return JSON.parse(await readText(path)) as { weight_map?: unknown; metadata?: unknown } | null;
  } catch (cause) {
    if (cause instanceof NemotronError) throw cause;
    throw invalidIndex(path, `not JSON: ${(cause as Error).message}`);
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalidIndex(path: string, found: string): NemotronError {
  return new NemotronError('SOURCE_INDEX_INVALID', `${path}: ${found}`, { facts: { path } });
}

/** The weight files to read, in name order. Throws when there are none, or when the index names absent ones. */
export function weightFiles(dir: string, names: ReadonlySet<string>, index: WeightMap | null): string[] {
  if (index !== null) {
    const files = [...new Set(index.values())].sort();
    const absent = files.filter((file) => !names.has(file));
    if (absent.length > 0) {
      throw new NemotronError(
        'SOURCE_SHARD_MISSING',
        `${join(dir, INDEX)} names ${absent[0]}, which is absent${absent.length > 1 ? ` (and ${absent.length - 1} more)` : ''}`,
        { facts: { path: dir, missing: absent } },
      );
    }
    return files;
  }
  if (names.has('model.safetensors')) return ['model.safetensors'];
  return [...names].filter((name) => name.endsWith('.safetensors') && !name.startsWith('adapter_')).sort();
}
