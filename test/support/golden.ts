import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PyMap, parsePythonJson, type TargetDtype } from '@nemotron-convert/core';
import type { Source } from '../../packages/convert/src/source/open.js';
import type { SourceTensor } from '../../packages/convert/src/source/tensor.js';
import { readHeader } from './replay.js';

export const FIXTURES = join(import.meta.dirname, '../fixtures');
export const GOLDENS = join(import.meta.dirname, '../golden');

/** One recorded truth: what the real stack wrote for a fixture with the options that the file's name tells. */
export interface Golden {
  readonly name: string;
  readonly file: string;
  readonly path: string;
  readonly fixture: string;
  readonly dtype: TargetDtype;
  readonly target: '0.3.1' | '0.7.0';
  readonly sizes: { readonly tp: number; readonly pp: number; readonly ep: number; readonly etp: number };
}

export interface Expected {
  readonly tensors: Record<
    string,
    { dtype: string; shape: number[]; chunks: [number[], number[]][]; sha256: string }
  >;
  readonly objects: Record<string, unknown>;
  readonly run_config: Record<string, unknown>;
}

/** Every recorded truth under `root`, with its source under `fixtures`. */
export function goldens(root = GOLDENS, fixtures = FIXTURES): Golden[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) =>
      readdirSync(join(root, name))
        .filter((file) => /^expected.*\.json$/.test(file))
        .map((file) => golden(join(root, name, file), name, file, join(fixtures, name))),
    );
}

function golden(path: string, name: string, file: string, fixture: string): Golden {
  const [tp = 1, pp = 1, ep = 1, etp = 1] =
    /tp(\d+)pp(\d+)ep(\d+)etp(\d+)/.exec(file)?.slice(1).map(Number) ?? [];
  return {
    name,
    file,
    path,
    fixture,
    dtype: (/(float16|float32)/.exec(file)?.[1] ?? 'bfloat16') as TargetDtype,
    target: file.includes('head') ? '0.7.0' : '0.3.1',
    sizes: { tp, pp, ep, etp },
  };
}

export function readExpected({ path }: Golden): Expected {
  // Python writes Infinity and NaN, which JSON.parse refuses.
  return plain(parsePythonJson(readFileSync(path, 'utf8'))) as Expected;
}

/** A value with Python's ints as numbers, for comparing by value as the recorder's JSON does. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** Replaces absolute paths as the recorder does. */
export function cutPaths(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith('/') ? '<path>' : value;
  if (Array.isArray(value)) return value.map(cutPaths);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, cutPaths(inner)]));
}

/** A fixture opened without the native engine. */
export function openFixture(dir: string): Source {
  const files = readdirSync(dir)
    .filter((name) => name.endsWith('.safetensors'))
    .sort()
    .map((name) => join(dir, name));
  const headers = files.map(readHeader);
  const tensors = new Map<string, SourceTensor>(
    headers.flatMap((header, file) =>
      header.tensors.map((tensor) => [tensor.name, { ...tensor, file }] as const),
    ),
  );
  const configPath = join(dir, 'config.json');
  return {
    dir,
    configPath,
    config: parsePythonJson(readFileSync(configPath, 'utf8')) as PyMap,
    files: headers.map(({ bytes }, i) => ({ path: files[i] as string, bytes, version: 0 })),
    tensors,
    tokenizer: [],
  };
}
