import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { dtypeBytes, NemotronError, type PyMap } from '@nemotron-convert/core';
import {
  inspectCheckpoint,
  inspectSafetensors,
  inspectSourceTensor,
  type TensorInfo,
  type TensorStats,
  inspectTensor as tensorStats,
} from '@nemotron-convert/native';
import { iterationDir } from '../output/iteration.js';
import { readProvenance } from '../output/provenance.js';
import { architectureOf } from '../source/architecture.js';
import { openSource } from '../source/open.js';
import type { Context } from './convert.js';

const LAYOUT = ['tp', 'pp', 'ep', 'etp'] as const;
const CONFIG_FACTS = [
  'model_type',
  'num_hidden_layers',
  'hidden_size',
  'num_attention_heads',
  'vocab_size',
  'dtype',
  'torch_dtype',
] as const;

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
      ...configFacts(source.config),
      ...(source.hub === undefined ? {} : { commit: source.hub.commit }),
      files: source.files.length,
      tokenizer: source.tokenizer.join(' '),
    },
  };
}

/**
 * Hash and figures of one tensor of whatever `inspect` reads. Throws CHECKPOINT_INVALID when there is none of that name.
 */
export async function inspectTensor(path: string, name: string): Promise<TensorStats> {
  if (path.endsWith('.safetensors')) return inspectSourceTensor(path, name);
  if (await isMegatron(path)) return tensorStats(await iterationDir(path), name);
  const source = await openSource(path);
  const found = source.tensors.get(name);
  const file = found && source.files[found.file];
  if (file !== undefined) return inspectSourceTensor(file.path, name);
  throw new NemotronError('CHECKPOINT_INVALID', `${source.dir}: no tensor ${name}`, {
    facts: { path: source.dir, tensor: name },
    hint: 'see the names with `nemotron inspect`',
  });
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
        : {
            architecture: record.architecture,
            source: record.source.id,
            ...(record.source.commit === undefined ? {} : { commit: record.source.commit }),
            'Megatron-Bridge': record.target,
            dtype: String(record.options.dtype),
            layout: LAYOUT.map((name) => `${name}=${record.options[name]}`).join(' '),
            plan: record.planDigest,
            'written by': `${record.tool.name} ${record.tool.version}`,
            tokenizer: record.source.tokenizer.map(({ name }) => name).join(' '),
            verified: record.verification.mode,
          }),
    },
  };
}

/** What config.json says of the model's size, in its own words. */
function configFacts(config: PyMap): Record<string, string> {
  const found = CONFIG_FACTS.flatMap((name) => {
    const value = config[name];
    return typeof value === 'string' || typeof value === 'bigint' || typeof value === 'number'
      ? [[name, String(value)] as const]
      : [];
  });
  return Object.fromEntries(found);
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
