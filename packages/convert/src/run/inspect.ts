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
import { type Provenance, readProvenance } from '../output/provenance.js';
import { COMMON_STATE_KEY, CONTAINERS } from '../plan/container.js';
import { architectureOf } from '../source/architecture.js';
import { iterationDir } from '../source/iteration.js';
import { openSource } from '../source/open.js';
import { isMap, type RunConfig, readRunConfig, runConfigPath, type Section } from '../source/run-config.js';
import type { Context } from './convert.js';

const LAYOUT = {
  tp: 'tensor_model_parallel_size',
  pp: 'pipeline_model_parallel_size',
  ep: 'expert_model_parallel_size',
  etp: 'expert_tensor_parallel_size',
} as const;
const CONFIG_FACTS = [
  'model_type',
  'num_hidden_layers',
  'hidden_size',
  'num_attention_heads',
  'vocab_size',
  'dtype',
  'torch_dtype',
] as const;

const RUN_CONFIG_FACTS = [
  'num_layers',
  'hidden_size',
  'num_attention_heads',
  'num_moe_experts',
  'vocab_size',
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
      ...(await runConfigFacts(iteration)),
      'loads in': consumersOf(objects, record),
      ...(record === null
        ? {}
        : {
            architecture: record.architecture,
            source: record.source.id,
            ...(record.source.commit === undefined ? {} : { commit: record.source.commit }),
            'Megatron-Bridge': record.target,
            dtype: String(record.options.dtype),
            layout: (['tp', 'pp', 'ep', 'etp'] as const)
              .map((name) => `${name}=${record.options[name]}`)
              .join(' '),
            plan: record.planDigest,
            'written by': `${record.tool.name} ${record.tool.version}`,
            tokenizer: record.source.tokenizer.map(({ name }) => name).join(' '),
            verified: record.verification.mode,
          }),
    },
  };
}

/** What run_config.yaml says of the model, in its own words; a training may have changed or lost it. */
async function runConfigFacts(iteration: string): Promise<Record<string, string>> {
  const path = runConfigPath(iteration);
  if (path === undefined) return { 'run_config.yaml': 'absent' };
  let config: RunConfig;
  try {
    config = await readRunConfig(path);
  } catch (cause) {
    return { 'run_config.yaml': `not readable: ${(cause as Error).message}` };
  }
  const { model = {}, tokenizer = {} } = config;
  const dtype = model['params_dtype'];
  return scalars({
    provider: lastName(model['_target_']),
    ...Object.fromEntries(RUN_CONFIG_FACTS.map((name) => [name, model[name]])),
    dtype: isMap(dtype) ? lastName(dtype['_target_']) : dtype,
    layout: layoutOf(model),
    source: model['hf_model_id'],
    tokenizer: tokenizer['tokenizer_model'],
  });
}

function layoutOf(model: Section): string {
  const { tp, pp, ep, etp } = LAYOUT;
  // Megatron-Core takes an absent size of experts' tensors for that of the others.
  const sizes = {
    tp: model[tp] ?? 1,
    pp: model[pp] ?? 1,
    ep: model[ep] ?? 1,
    etp: model[etp] ?? model[tp] ?? 1,
  };
  return layoutText(sizes);
}

function layoutText(sizes: Readonly<Record<keyof typeof LAYOUT, unknown>>): string {
  return Object.keys(LAYOUT)
    .map((name) => `${name}=${sizes[name as keyof typeof LAYOUT]}`)
    .join(' ');
}

function lastName(target: unknown): unknown {
  return typeof target === 'string' ? target.slice(target.lastIndexOf('.') + 1) : null;
}

/**
 * What can load a checkpoint of ours, or one of the container that those read: a newer version keeps the common state among
 * the objects, where an older one does not look.
 */
function consumersOf(objects: readonly string[], record: Provenance | null): string {
  const container = CONTAINERS[objects.includes(COMMON_STATE_KEY) ? '0.7.0' : '0.3.1'];
  return (record?.consumers ?? container.consumers).join('; ');
}

/** What config.json says of the model's size, in its own words. */
function configFacts(config: PyMap): Record<string, string> {
  return scalars(Object.fromEntries(CONFIG_FACTS.map((name) => [name, config[name]])));
}

function scalars(values: Readonly<Record<string, unknown>>): Record<string, string> {
  const found = Object.entries(values).flatMap(([name, value]) =>
    ['string', 'bigint', 'number'].includes(typeof value) ? [[name, String(value)] as const] : [],
  );
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
