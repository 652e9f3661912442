import { NemotronError } from '@nemotron-convert/core';
import type { SourceTensor } from '../source/tensor.js';
import { baseMisfit, type Change, completeModule, type Factor, factor } from './change.js';
import type { LoraConfig } from './config.js';
import type { LoraModule } from './weights.js';

/** A parameter of a module, such as one that stacks the matrices of all experts, and its changes. */
export interface ParameterChanges {
  readonly parameter: SourceTensor;
  readonly changes: readonly Change[];
}

/** How transformers' modules of experts declare their parameters: PEFT wraps them in this order, inside out. */
const DECLARED = ['gate_up_proj', 'gate_proj', 'w1', 'up_proj', 'w3', 'down_proj', 'w2'];

/**
 * The changes of the parameters of one module that `target_parameters` names. `wrappers` are the adapter's factors for
 * it, `tensors` the base's tensors. Throws ADAPTER_TENSOR_*.
 */
export function parameterChanges(
  module: string,
  wrappers: readonly LoraModule[],
  tensors: ReadonlyMap<string, SourceTensor>,
  config: LoraConfig,
): ParameterChanges[] {
  const place = (name: string): number => DECLARED.indexOf(name.slice(module.length + 1));
  const named = [...tensors.keys()]
    .filter((name) => name.startsWith(`${module}.`) && !name.slice(module.length + 1).includes('.'))
    .filter((name) =>
      config.targetParameters.some((target) => name === target || name.endsWith(`.${target}`)),
    )
    .sort((a, b) => place(a) - place(b));
  const inside = [...wrappers].sort((a, b) => b.depth - a.depth);
  if (named.length !== inside.length) {
    throw new NemotronError(
      'ADAPTER_TENSOR_UNKNOWN',
      `the adapter has factors for ${inside.length} parameters of ${module}, and target_parameters names ${named.length} of the base`,
      { facts: { module, parameters: named, targetParameters: config.targetParameters } },
    );
  }
  const pairs = named.map((name, n) => [tensors.get(name) as SourceTensor, inside[n] as LoraModule] as const);
  // Whether matrices are stored with their inputs first is a property of the module: a square one follows the others.
  const turned = pairs.some(
    ([parameter, wrapper]) => fits(parameter, wrapper, true) && !fits(parameter, wrapper, false),
  );
  return pairs.map(([parameter, wrapper]) => ({
    parameter,
    changes: changesOf(parameter, wrapper, config, turned),
  }));
}

/** Experts, then the two sizes that the factors have; a plain matrix is that of one expert. */
function sizes({ shape }: SourceTensor, turned: boolean): [experts: number, inputs: number, outputs: number] {
  const [a = 1, b = 1, c] = shape;
  if (c === undefined) return [1, b, a];
  return turned ? [a, b, c] : [a, c, b];
}

function fits(parameter: SourceTensor, { down, up }: LoraModule, turned: boolean): boolean {
  const [, inputs, outputs] = sizes(parameter, turned);
  return down?.shape[1] === inputs && up?.shape[0] === outputs;
}

function changesOf(
  parameter: SourceTensor,
  wrapper: LoraModule,
  config: LoraConfig,
  turned: boolean,
): Change[] {
  const rank = config.rank(parameter.name);
  const [experts, inputs, outputs] = sizes(parameter, turned);
  const { down, up } = completeModule(wrapper, config, parameter.name, experts);
  const known = parameter.shape.length === 2 || parameter.shape.length === 3;
  if (!known || !fits(parameter, wrapper, turned)) throw baseMisfit(down, up, parameter);
  const isTurned = turned && parameter.shape.length === 3;
  return Array.from({ length: experts }, (_, expert) => {
    // Rows of an expert follow each other in the first factor; in the second its columns are apart by all experts.
    const first = (shape: readonly number[], strides: readonly number[]): Factor =>
      factor(down, shape, strides, expert * rank * inputs);
    const second = (shape: readonly number[], strides: readonly number[]): Factor =>
      factor(up, shape, strides, expert);
    const row = rank * experts;
    const factors = isTurned
      ? { left: first([inputs, rank], [1, inputs]), right: second([rank, outputs], [experts, row]) }
      : { left: second([outputs, rank], [row, experts]), right: first([rank, inputs], [inputs, 1]) };
    return {
      offset: expert * inputs * outputs,
      rows: isTurned ? inputs : outputs,
      columns: isTurned ? outputs : inputs,
      ...factors,
      scale: config.scale(parameter.name),
      rounded: true,
      magnitude: null,
    };
  });
}
