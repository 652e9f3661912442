import { DTYPES, NemotronError } from '@nemotron-convert/core';
import type { SourceTensor } from '../source/tensor.js';
import {
  biasChange,
  type Change,
  completeModule,
  embeddingChange,
  linearChange,
  misfit,
  sameShape,
} from './change.js';
import type { LoraConfig } from './config.js';
import { type BaseName, BaseNames, HEAD_NAME } from './names.js';
import { parameterChanges } from './parameters.js';
import { isSaved, isTarget } from './targets.js';
import type { AdapterWeights, LoraModule } from './weights.js';

/** A tensor of the merged model: where its values come from, and what is added to them. */
export interface MergedTensor {
  readonly source: SourceTensor;
  readonly changes: readonly Change[];
}

export interface Applied {
  /** The merged model's tensors by name, in the base's order. */
  readonly tensors: ReadonlyMap<string, MergedTensor>;
  /** Modules that the adapter has factors for, and that its configuration leaves out. */
  readonly ignored: readonly string[];
  /** The output layer was tied to the embeddings and has weights of its own now. */
  readonly untied: boolean;
}

const FLOATS = new Set(['BF16', 'F16', 'F32']);

/**
 * Joins an adapter with the tensors of its base model: every tensor of the adapter is used, or its module is one that
 * the configuration leaves out. `tied`: the output layer is the embeddings. Throws ADAPTER_TENSOR_*.
 */
export function applyAdapter(
  base: ReadonlyMap<string, SourceTensor>,
  weights: AdapterWeights,
  config: LoraConfig,
  tied: boolean,
): Applied {
  const merge = new Merge(base, tied);
  for (const [name, tensor] of weights.saved) merge.replace(name, tensor, isSaved(config.targets, name));
  const wrapped = weights.modules.filter(({ module }) => merge.names.find(`${module}.weight`) === undefined);
  // Where the output layer is the embeddings, both have their changes, in the order of the model's modules.
  const inOrder = [...weights.modules].sort((a, b) => Number(b.embedding) - Number(a.embedding));
  for (const module of inOrder) {
    if (wrapped.includes(module)) continue;
    if (isTarget(config.targets, module.module)) merge.addModule(module, config);
    else merge.ignored.push(module.module);
  }
  for (const module of new Set(wrapped.map((part) => part.module))) {
    merge.addParameters(
      module,
      wrapped.filter((part) => part.module === module),
      config,
    );
  }
  return merge;
}

class Merge implements Applied {
  readonly tensors: Map<string, MergedTensor>;
  readonly ignored: string[] = [];
  readonly names: BaseNames;
  untied = false;

  constructor(base: ReadonlyMap<string, SourceTensor>, tied: boolean) {
    this.tensors = new Map([...base].map(([name, source]) => [name, { source, changes: [] }]));
    this.names = new BaseNames(base, tied);
  }

  /** Puts a tensor of the adapter in the place of the base's. `own`: it was trained apart from what it shared. */
  replace(name: string, tensor: SourceTensor, own: boolean): void {
    const found = this.#find(name);
    if (found === undefined) throw unknownTensor(tensor.name, name);
    const before = this.tensors.get(found.name) as MergedTensor;
    if (!sameShape(before.source.shape, tensor.shape)) {
      throw misfit(tensor, `${found.name} of the base is [${before.source.shape.join(', ')}]`, {
        base: found.name,
      });
    }
    checkFloat(tensor);
    const merged = { source: tensor, changes: [] };
    if (own && found.tied) this.tensors.set(name, merged);
    else this.tensors.set(found.name, merged);
    if (!own || found.name !== this.names.shared) return;
    // The other of the two stays what it was.
    if (!found.tied && !this.tensors.has(HEAD_NAME)) this.tensors.set(HEAD_NAME, before);
    this.untied = true;
  }

  /** A tensor of the merged model by what the model calls it. */
  #find(name: string): BaseName | undefined {
    return this.tensors.has(name) ? { name, tied: false } : this.names.find(name);
  }

  addModule(part: LoraModule, config: LoraConfig): void {
    const module = completeModule(part, config, part.module, 1);
    const { name } = this.#find(`${part.module}.weight`) as BaseName;
    const weight = (this.tensors.get(name) as MergedTensor).source;
    this.#add(name, (part.embedding ? embeddingChange : linearChange)(module, weight, config));
    if (part.bias === undefined) return;
    const bias = this.#find(`${part.module}.bias`);
    if (bias === undefined) throw unknownTensor(part.bias.name, `${part.module}.bias`);
    const { source } = this.tensors.get(bias.name) as MergedTensor;
    this.#add(bias.name, biasChange(part, part.bias, source, config));
  }

  addParameters(module: string, wrappers: readonly LoraModule[], config: LoraConfig): void {
    const name = this.names.findModule(module);
    if (name === undefined || config.targetParameters.length === 0) {
      const { down, up } = wrappers[0] as LoraModule;
      throw unknownTensor((down ?? up)?.name ?? module, `${module}.weight`);
    }
    const sources = new Map([...this.tensors].map(([key, { source }]) => [key, source]));
    for (const { parameter, changes } of parameterChanges(name, wrappers, sources, config)) {
      for (const change of changes) this.#add(parameter.name, change);
    }
  }

  #add(name: string, change: Change): void {
    const { source, changes } = this.tensors.get(name) as MergedTensor;
    checkFloat(source);
    for (const factor of [change.left, change.right, change.magnitude?.lengths ?? null]) {
      for (const { tensor } of factor?.parts ?? []) checkFloat(tensor);
    }
    this.tensors.set(name, { source, changes: [...changes, change] });
  }
}

/** Throws ADAPTER_TENSOR_DTYPE for a tensor that is not float32, bfloat16 or float16. */
export function checkFloat({ name, dtype }: SourceTensor): void {
  if (FLOATS.has(dtype)) return;
  throw new NemotronError('ADAPTER_TENSOR_DTYPE', `${name} is ${dtype}`, {
    facts: {
      tensor: name,
      found: dtype,
      expected: DTYPES.filter((row) => FLOATS.has(row.safetensors)).map((row) => row.torch),
    },
  });
}

function unknownTensor(tensor: string, name: string): NemotronError {
  return new NemotronError('ADAPTER_TENSOR_UNKNOWN', `${tensor}: the base model has no ${name}`, {
    facts: { tensor, name },
  });
}
