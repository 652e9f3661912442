import { join } from 'node:path';
import { isPyMap, JsonSyntaxError, NemotronError, type PyMap, parsePythonJson } from '@nemotron-convert/core';
import { inspectSafetensors, type SafetensorsFile } from '@nemotron-convert/native';
import { stat } from '../file-calls.js';
import type { Family } from '../models/family.js';
import { findFamily } from '../models/registry.js';
import { architectureOf } from './architecture.js';
import { listSource, readIndex, readText, type WeightMap, weightFiles } from './files.js';
import { blobNameOf } from './hub-cache.js';
import type { HubWeights } from './hub-weights.js';
import { type HubOrigin, type Located, locateSource, type SourceContext } from './locate.js';
import type { SourceTensor } from './tensor.js';
import { isTokenizerFile, tokenizerFiles } from './tokenizer-files.js';

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

/** What the work on a source takes besides its weights. */
export interface SourceNeeds {
  /** An architecture that has a family here. */
  readonly family: boolean;
  readonly tokenizer: boolean;
}

const CONVERSION: SourceNeeds = { family: true, tokenizer: true };

/** Opens a checkpoint, a local directory or a model on the Hub, and checks that everything its use needs is there. */
export async function openSource(
  hfModelId: string,
  context: SourceContext = {},
  needs: SourceNeeds = CONVERSION,
): Promise<Source> {
  const { families = [] } = context;
  const located = await locateSource(hfModelId, context, async (dir) => {
    if (needs.family) await requireFamily(dir, families);
    else await requireConfig(dir);
  });
  const { dir } = located;
  const names = await listSource(dir);
  const index = await readIndex(dir, names);
  const weights = located.weights?.files.map(({ name }) => name) ?? weightFiles(dir, names, index);
  await refuseAdapter(dir, names, weights);
  const configPath = join(dir, 'config.json');
  const config = await readConfig(dir, names, configPath);
  if (weights.length === 0) {
    throw new NemotronError('SOURCE_NO_WEIGHTS', `${dir} has no *.safetensors files`, {
      facts: { path: dir },
    });
  }
  const tokenizer = needs.tokenizer ? tokenizerFiles(dir, names) : [...names].filter(isTokenizerFile).sort();
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

/** A local file with its modification time as its version. */
export async function stamped({
  path,
  bytes,
}: {
  readonly path: string;
  readonly bytes: number;
}): Promise<SourceFile> {
  return { path, bytes, version: (await stat(path)).mtimeMs };
}

async function versioned(
  { path, bytes }: SafetensorsFile,
  { hub, weights }: Located,
  at: number,
): Promise<SourceFile> {
  const hash = weights?.files[at]?.etag ?? (hub === undefined ? undefined : await blobNameOf(path));
  return { path, bytes, version: hash ?? (await stat(path)).mtimeMs };
}

/** What is no model is refused before its weights are downloaded. */
async function requireConfig(dir: string): Promise<PyMap> {
  const names = await listSource(dir);
  if (!names.has('config.json')) await refuseAdapter(dir, names, []);
  return readConfig(dir, names, join(dir, 'config.json'));
}

/** So is a model of no known family. */
export async function requireFamily(dir: string, families: readonly Family[]): Promise<void> {
  const configPath = join(dir, 'config.json');
  const config = await requireConfig(dir);
  findFamily(architectureOf({ config, configPath }), configPath, families);
}

async function refuseAdapter(
  dir: string,
  names: ReadonlySet<string>,
  weights: readonly string[],
): Promise<void> {
  if (!names.has('adapter_config.json') || weights.length > 0) return;
  const base = await baseOfAdapter(join(dir, 'adapter_config.json'));
  const merge = `nemotron steps run convert/merge_lora lora_checkpoint=${dir} base_hf_path=${base ?? '...'} output_hf_path=...`;
  throw new NemotronError('SOURCE_ADAPTER', `${dir} has adapter_config.json and no model weights`, {
    facts: { path: dir, base },
    hint: `merge it into its base model first: ${merge}`,
  });
}

/** The model that an adapter says it was trained on; null where it does not. */
async function baseOfAdapter(path: string): Promise<string | null> {
  try {
    const { base_model_name_or_path: base } = JSON.parse(await readText(path)) as Record<string, unknown>;
    return typeof base === 'string' && base !== '' ? base : null;
  } catch {
    return null;
  }
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
  const absent = [...(index?.keys() ?? [])].filter((name) => !tensors.has(name));
  if (absent.length === 0) return;
  throw new NemotronError(
    'SOURCE_INDEX_INVALID',
    `${dir}: the index names ${absent[0]}, which is in none of the files${absent.length > 1 ? ` (and ${absent.length - 1} more)` : ''}`,
    { facts: { path: dir, missing: absent } },
  );
}
