import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { dtypeBytes } from '@nemotron-convert/core';
import {
  inspectCheckpoint,
  inspectSafetensors,
  type TensorInfo,
  type TensorStats,
  inspectTensor as tensorStats,
} from '@nemotron-convert/native';
import { iterationDir } from '../output/iteration.js';
import { readProvenance } from '../output/provenance.js';
import { architectureOf } from '../source/architecture.js';
import { openSource } from '../source/open.js';
import type { Context } from './convert.js';

export interface InspectedTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  /** Pieces that it is stored in. */
  readonly chunks: number;
}

export interface Inspection {
  readonly path: string;
  readonly kind: 'Hugging Face checkpoint' | 'safetensors file' | 'Megatron checkpoint';
  readonly tensors: readonly InspectedTensor[];
  /** What else is known, by name. */
  readonly facts: Readonly<Record<string, string | number>>;
}

/** What a path holds; headers and indices are read, no tensor data. */
export async function inspect(path: string, context: Context = {}): Promise<Inspection> {
  if (path.endsWith('.safetensors')) {
    const files = await inspectSafetensors([path]);
    return {
      path,
      kind: 'safetensors file',
      tensors: files.flatMap(({ tensors }) => tensors.map(described)),
      facts: files[0]?.metadata ?? {},
    };
  }
  if (await isMegatron(path)) return inspectMegatron(path);
  const source = await openSource(path, context);
  return {
    path: source.dir,
    kind: 'Hugging Face checkpoint',
    tensors: [...source.tensors.values()].map(described),
    facts: {
      architecture: architectureOf(source),
      files: source.files.length,
      tokenizer: source.tokenizer.join(' '),
    },
  };
}

/** Hash and figures of one tensor of a Megatron checkpoint. Throws CHECKPOINT_INVALID when there is none of that key. */
export async function inspectTensor(path: string, key: string): Promise<TensorStats> {
  return tensorStats(await iterationDir(path), key);
}

async function inspectMegatron(path: string): Promise<Inspection> {
  const iteration = await iterationDir(path);
  const { tensors, objects, storage } = await inspectCheckpoint(iteration);
  const record = await readProvenance(iteration);
  return {
    path: iteration,
    kind: 'Megatron checkpoint',
    tensors: tensors.map(({ key, dtype, shape, chunks }) => ({
      name: key,
      dtype,
      shape,
      bytes: shape.reduce((product, n) => product * n, dtypeBytes(dtype)),
      chunks: chunks.length,
    })),
    facts: {
      objects: objects.length,
      files: new Set(storage.map(([, , file]) => file)).size,
      ...(record === null
        ? {}
        : { architecture: record.architecture, source: record.source.id, 'Megatron-Bridge': record.target }),
    },
  };
}

async function isMegatron(path: string): Promise<boolean> {
  if ((await stat(path).catch(() => null))?.isDirectory() !== true) return false;
  return iterationDir(path).then(
    (found) => found === path || dirname(found) !== dirname(path),
    () => false,
  );
}

function described({ name, dtype, shape, begin, end }: TensorInfo): InspectedTensor {
  return { name, dtype, shape, bytes: end - begin, chunks: 1 };
}
