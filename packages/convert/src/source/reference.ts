import { join } from 'node:path';
import type { PyMap } from '@nemotron-convert/core';
import { inspectSafetensors } from '@nemotron-convert/native';
import type { Family } from '../models/family.js';
import { listSource, readIndex, readIndexMetadata, weightFiles } from './files.js';
import { type HubOrigin, locateSource, type SourceContext } from './locate.js';
import { readConfig, requireFamily, tensorsOf } from './open.js';
import type { SourceTensor } from './tensor.js';

/** How another checkpoint of the same model is divided. */
export interface ShardPattern {
  readonly fileOf: ReadonlyMap<string, string>;
  /** The `metadata` of its index; null where it has no index. */
  readonly indexMetadata: Readonly<Record<string, unknown>> | null;
}

/** The Hugging Face model that a checkpoint is of: its configuration, and its weights as far as they are at hand. */
export interface Reference {
  readonly dir: string;
  readonly hub?: HubOrigin;
  readonly configPath: string;
  readonly config: PyMap;
  /** Names of the directory's entries. */
  readonly names: ReadonlySet<string>;
  /** Headers of its weights; empty where the files are absent. */
  readonly tensors: ReadonlyMap<string, SourceTensor>;
  /** How its tensors are divided into files; null where nothing tells. */
  readonly shards: ShardPattern | null;
  /** Families of the caller. */
  readonly families: readonly Family[];
}

/** Opens a model to learn from, a local directory or one on the Hub; no weights are downloaded, and none are needed. */
export async function openReference(hfModelId: string, context: SourceContext = {}): Promise<Reference> {
  const { families = [] } = context;
  const located = await locateSource(hfModelId, context, (dir) => requireFamily(dir, families), true);
  const { dir } = located;
  const names = await listSource(dir);
  const configPath = join(dir, 'config.json');
  const config = await readConfig(dir, names, configPath);
  const index = await readIndex(dir, names);
  const isHere = index === null || [...index.values()].every((file) => names.has(file));
  const weights =
    located.weights?.files.map(({ name }) => name) ?? (isHere ? weightFiles(dir, names, index) : []);
  const paths = weights.map((name) => join(dir, name));
  const headers = await (located.weights?.headers(context.signal) ?? inspectSafetensors(paths));
  const tensors = tensorsOf(headers);
  const fileOf =
    index ?? new Map([...tensors.values()].map(({ name, file }) => [name, weights[file] as string]));
  const indexMetadata = index === null ? null : await readIndexMetadata(dir);
  const shards = fileOf.size === 0 ? null : { fileOf, indexMetadata };
  return { ...located, configPath, config, names, tensors, shards, families };
}
