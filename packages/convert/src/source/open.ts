import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isPyMap, JsonSyntaxError, NemotronError, type PyMap, parsePythonJson } from '@nemotron-convert/core';
import { inspectSafetensors, type SafetensorsFile } from '@nemotron-convert/native';
import type { Family } from '../models/family.js';
import { findFamily } from '../models/registry.js';
import { architectureOf } from './architecture.js';
import { listSource, readIndex, readText, type WeightMap, weightFiles } from './files.js';
import { blobNameOf } from './hub-cache.js';
import type { HubWeights } from './hub-weights.js';
import { type HubOrigin, type Located, locateSource, type SourceContext } from './locate.js';
import type { SourceTensor } from './tensor.js';
import { tokenizerFiles } from './tokenizer-files.js';

/** A weight file. */
export interface SourceFile {
  readonly path: string;
  readonly bytes: number;
  /** Tells a later run whether it is still the same: the hash of a file from the Hub, else the modification time. */
  readonly version: string | number;
}

/** A Hugging Face checkpoint as its headers and configuration show it; no tensor data is read. */
export interface Source {
  readonly dir: string;
  /** Set when `dir` is a snapshot of a model on the Hub. */
  readonly hub?: HubOrigin;
  /** Set when weights may still have to be brought from the Hub; `files` tells their places. */
  readonly weights?: HubWeights;
  readonly configPath: string;
  readonly config: PyMap;
  readonly files: readonly SourceFile[];
  readonly tensors: ReadonlyMap<string, SourceTensor>;
  /** Names of the tokenizer's files, relative to `dir`. */
  readonly tokenizer: readonly string[];
  /** Families of the caller. */
  readonly families: readonly Family[];
}

/** Opens a checkpoint, a local directory or a model on the Hub, and checks that everything a conversion needs is there. */
export async function openSource(hfModelId: string, context: SourceContext = {}): Promise<Source> {
  const { families = [] } = context;
  const located = await locateSource(hfModelId, context, (dir) => requireFamily(dir, families));
  const { dir } = located;
  const names = await listSource(dir);
  const index = await readIndex(dir, names);
  const weights = located.weights?.files.map(({ name }) => name) ?? weightFiles(dir, names, index);
  refuseAdapter(dir, names, weights);
  const configPath = join(dir, 'config.json');
  const config = await readConfig(dir, names, configPath);
  if (weights.length === 0) {
    throw new NemotronError('SOURCE_NO_WEIGHTS', `${dir} has no *.safetensors files`, {
      facts: { path: dir },
    });
  }
  const tokenizer = tokenizerFiles(dir, names);
  const paths = weights.map((name) => join(dir, name));
  const headers = await (located.weights?.headers(context.signal) ?? inspectSafetensors(paths));
  const tensors = tensorsOf(headers);
  checkIndex(dir, index, tensors);
  return {
    ...located,
    configPath,
    config,
    files: await Promise.all(headers.map((header, at) => versioned(header, located, at))),
    tensors,
    tokenizer,
    families,
  };
}

/** The tensors of several files together. Throws SOURCE_INDEX_INVALID when two have one of the same name. */
export function tensorsOf(headers: readonly SafetensorsFile[]): Map<string, SourceTensor> {
  const tensors = new Map<string, SourceTensor>();
  for (const header of headers) {
    for (const tensor of header.tensors) {
      const first = tensors.get(tensor.name);
      if (first !== undefined) {
        throw new NemotronError(
          'SOURCE_INDEX_INVALID',
          `${tensor.name} is in both ${headers[first.file]?.path} and ${header.path}`,
          { facts: { tensor: tensor.name, files: [headers[first.file]?.path, header.path] } },
        );
      }
      tensors.set(tensor.name, tensor);
    }
  }
  return tensors;
}

async function versioned(
  { path, bytes }: SafetensorsFile,
  { hub, weights }: Located,
  at: number,
): Promise<SourceFile> {
  const hash = weights?.files[at]?.etag ?? (hub === undefined ? undefined : await blobNameOf(path));
  return { path, bytes, version: hash ?? (await stat(path)).mtimeMs };
}

/** A model of no known family is refused before its weights are downloaded. */
export async function requireFamily(dir: string, families: readonly Family[]): Promise<void> {
  const configPath = join(dir, 'config.json');
  const names = await listSource(dir);
  if (!names.has('config.json')) refuseAdapter(dir, names, []);
  const config = await readConfig(dir, names, configPath);
  findFamily(architectureOf({ config, configPath }), configPath, families);
}

function refuseAdapter(dir: string, names: ReadonlySet<string>, weights: readonly string[]): void {
  if (!names.has('adapter_config.json') || weights.length > 0) return;
  throw new NemotronError('SOURCE_ADAPTER', `${dir} has adapter_config.json and no model weights`, {
    facts: { path: dir },
  });
}

export async function readConfig(dir: string, names: ReadonlySet<string>, path: string): Promise<PyMap> {
  if (!names.has('config.json')) {
    throw new NemotronError('SOURCE_CONFIG_MISSING', `${dir} has no config.json`, { facts: { path: dir } });
  }
  const text = await readText(path);
  try {
    const config = parsePythonJson(text);
    if (isPyMap(config)) return config;
  } catch (cause) {
    if (!(cause instanceof JsonSyntaxError)) throw cause;
    throw new NemotronError('SOURCE_CONFIG_INVALID', `${path}: ${cause.message}`, { facts: { path }, cause });
  }
  throw new NemotronError('SOURCE_CONFIG_INVALID', `${path}: expected a JSON object`, { facts: { path } });
}

function checkIndex(dir: string, index: WeightMap | null, tensors: ReadonlyMap<string, SourceTensor>): void {
  const absent = Object.keys(index ?? {}).filter((name) => !tensors.has(name));
  if (absent.length === 0) return;
  throw new NemotronError(
    'SOURCE_INDEX_INVALID',
    `${dir}: the index names ${absent[0]}, which is in none of the files${absent.length > 1 ? ` (and ${absent.length - 1} more)` : ''}`,
    { facts: { path: dir, missing: absent } },
  );
}
