import { DTYPES, NemotronError, type TargetDtype } from '@nemotron-convert/core';
import type { KeptDtype, ModelDescription, Param } from '../megatron/model.js';
import type { ConfigRules, DropRule, Family } from '../models/family.js';
import type { Fields } from '../models/provider.js';
import type { Target } from '../models/target.js';
import { PACKED } from '../source/packed-floats.js';
import { INT4 } from '../source/packed-integers.js';
import type { SourceTensor } from '../source/tensor.js';
import { Compiler } from './compiler.js';
import { Dequantizer } from './dequantize.js';
import { Kinds, sameShape } from './kind.js';
import { countsOf, MappingRegistry } from './match.js';
import { Narrower } from './narrow.js';
import { type BlockSize, weightOf } from './scales.js';
import type { Compiled, Need } from './transforms/compiled.js';
import type { Fill } from './types.js';

/** A parameter joined with the source tensors and boxes that fill it. */
export interface Mapped {
  readonly param: Param;
  /** The first parameter of its kind. */
  readonly kind: Param;
  readonly dtype: TargetDtype | KeptDtype;
  readonly tensors: readonly SourceTensor[];
  readonly boxes: Compiled['boxes'];
  readonly fill?: Fill;
}

/** Source tensors left out on purpose, by reason. */
export interface Drop {
  readonly tensors: readonly string[];
  readonly reason: string;
}

export interface Collected {
  readonly mapped: readonly Mapped[];
  readonly drops: readonly Drop[];
}

export interface CollectInput {
  readonly family: Family;
  readonly rules: ConfigRules;
  readonly target: Target;
  readonly model: ModelDescription;
  readonly provider: Fields;
  readonly tensors: ReadonlyMap<string, SourceTensor>;
  readonly dtype: TargetDtype;
  /** The block of a float8 weight that shares a scale. */
  readonly block: BlockSize;
}

const CASTABLE = new Set([...DTYPES.filter((row) => row.castable).map((row) => row.safetensors), INT4]);
/** Integers are copied, never cast but to narrower ones. */
const INTEGERS: Readonly<Record<string, readonly string[]>> = { int32: ['I32', 'I64'], int64: ['I64'] };
const TIED = 'embeddings are tied: Megatron reuses the word embeddings as the output layer';

/**
 * Joins every Megatron parameter with its source tensors, and proves that nothing is lost: each parameter has a rule
 * and its tensors, each tensor has the shape that config.json implies, each source tensor is used or dropped by name.
 */
export function collect(input: CollectInput): Collected {
  const { family, rules, model, provider, tensors, dtype } = input;
  const registry = new MappingRegistry([...(rules.rows ?? []), ...family.rows], countsOf(provider));
  const used = new Set<SourceTensor>();
  const faults = new Faults();
  const mapped: Mapped[] = [];
  const kinds = new Kinds();
  const compiler = new Compiler(provider);
  const dequantizer = new Dequantizer(tensors, input.block);
  const narrower = new Narrower();
  for (const param of model.params) {
    const origins = registry.find(param.name);
    if (origins === null) {
      faults.unruled.push(concrete(param));
      continue;
    }
    const kind = kinds.of(param);
    const named = (need: Need): string => registry.fill(need.name, param.indices);
    const chosen = choose(compiler.compile(kind, param, origins), named, tensors);
    const { needs, boxes, fill } = chosen.compiled;
    const found: SourceTensor[] = [];
    for (const [at, need] of needs.entries()) {
      const tensor = chosen.found[at];
      if (tensor === undefined) {
        faults.missing.push({ tensor: named(need), parameter: concrete(param) });
        continue;
      }
      used.add(tensor);
      faults.check(tensor, need, param);
      found.push(tensor);
    }
    if (found.length === needs.length) {
      const filled = dequantizer.dequantize(found, boxes);
      for (const scale of filled.scales) used.add(scale);
      const own = param.keeps ?? dtype;
      const filling = fill === undefined ? {} : { fill };
      const stored = own === 'int32' ? narrower.narrow(filled) : filled;
      mapped.push({ param, kind, dtype: own, tensors: stored.tensors, boxes: stored.boxes, ...filling });
    }
  }
  const { drops, unmapped } = leftovers(input, used);
  faults.throwFirst(unmapped, family.architectures[0] ?? '');
  return { mapped, drops };
}

function leftovers(
  { family, target, provider, tensors }: CollectInput,
  used: ReadonlySet<SourceTensor>,
): { drops: Drop[]; unmapped: string[] } {
  const byReason = new Map<string, string[]>();
  const unmapped: string[] = [];
  const head = family.rows.find(([name]) => name === `${family.prefix ?? ''}output_layer.weight`)?.[1];
  const tied = provider['share_embeddings_and_output_weights'] === true;
  const rules = [...(family.drops ?? []), ACTIVATION_SCALES].filter(
    ({ targets }) => targets?.includes(target) ?? true,
  );
  for (const [name, tensor] of tensors) {
    if (used.has(tensor)) continue;
    const reason =
      tied && name === head ? TIED : rules.find((rule) => drops(rule, name, provider, tensors))?.reason;
    if (reason === undefined) unmapped.push(name);
    else {
      const names = byReason.get(reason);
      if (names === undefined) byReason.set(reason, [name]);
      else names.push(name);
    }
  }
  return { drops: [...byReason].map(([reason, names]) => ({ reason, tensors: names })), unmapped };
}

/** What scales the values that a quantised weight is multiplied with, or the cache of keys and values. */
export const ACTIVATION_SCALES: DropRule = {
  tensors:
    /\.(activation_scale|input_scale|input_scale_ub|output_scale|[qkv]_scale|kv_cache_scale|prob_output_scale)$/,
  reason: 'scales of activations: what is written is not quantised',
};

/** A dropped weight's scales go with it. */
export function drops(
  rule: DropRule,
  name: string,
  provider: Fields,
  tensors: ReadonlyMap<string, SourceTensor>,
): boolean {
  const match = rule.tensors.exec(weightOf(name, tensors) ?? name);
  if (match === null) return false;
  const past = (group: string, field: string): boolean => {
    const number = match.groups?.[group];
    return number === undefined || Number(number) >= Number(provider[field] ?? 0);
  };
  return past('beyond', 'num_layers') && past('depth', 'mtp_num_layers');
}

export function concrete(param: Param): string {
  let next = 0;
  return param.name.replace(/\(\w+\)/, '').replaceAll('*', () => String(param.indices[next++]));
}

/** A form of a parameter, with the tensors that it needs; undefined for those that the source lacks. */
interface Chosen {
  readonly compiled: Compiled;
  readonly found: readonly (SourceTensor | undefined)[];
}

/** The first form that fits the source's tensors; else the first whose tensors are there, else the first. */
function choose(
  [first, ...others]: readonly Compiled[],
  named: (need: Need) => string,
  tensors: ReadonlyMap<string, SourceTensor>,
): Chosen {
  const look = (compiled: Compiled): Chosen => ({
    compiled,
    found: compiled.needs.map((need) => tensors.get(named(need))),
  });
  const chosen = look(first as Compiled);
  if (others.length === 0 || fits(chosen)) return chosen;
  const all = [chosen, ...others.map(look)];
  return all.find(fits) ?? all.find(({ found }) => !found.includes(undefined)) ?? chosen;
}

function fits({ compiled, found }: Chosen): boolean {
  return compiled.needs.every(({ shape }, at) => {
    const tensor = found[at];
    return tensor !== undefined && sameShape(shape, tensor.shape);
  });
}

/** What does not fit, gathered so that one error names the extent of it. */
class Faults {
  readonly unruled: string[] = [];
  readonly missing: { tensor: string; parameter: string }[] = [];
  readonly #shapes: {
    tensor: string;
    parameter: string;
    expected: readonly number[];
    found: readonly number[];
  }[] = [];
  readonly #dtypes: { tensor: string; found: string }[] = [];

  check(tensor: SourceTensor, need: Need, param: Param): void {
    const only = need.dtype === undefined ? INTEGERS[param.keeps ?? ''] : [need.dtype];
    const readable = only?.includes(tensor.dtype) ?? (CASTABLE.has(tensor.dtype) || tensor.dtype === PACKED);
    if (!readable) this.#dtypes.push({ tensor: tensor.name, found: tensor.dtype });
    const expected = need.shape;
    const [rows = 0, ...rest] = tensor.shape;
    const enough = need.padded === true && rows >= (expected[0] ?? 0) && sameShape(expected.slice(1), rest);
    if (!enough && !sameShape(expected, tensor.shape))
      this.#shapes.push({ tensor: tensor.name, parameter: concrete(param), expected, found: tensor.shape });
  }

  throwFirst(unmapped: readonly string[], architecture: string): void {
    const [shape] = this.#shapes;
    const [dtype] = this.#dtypes;
    const [missing] = this.missing;
    if (shape !== undefined) {
      throw new NemotronError(
        'SOURCE_TENSOR_SHAPE',
        `${shape.tensor} is [${shape.found.join(', ')}], but config.json implies [${shape.expected.join(', ')}] for ${shape.parameter}${more(this.#shapes)}`,
        { facts: { tensors: this.#shapes } },
      );
    }
    if (dtype !== undefined) {
      throw new NemotronError(
        'SOURCE_TENSOR_DTYPE',
        `${dtype.tensor} is ${dtype.found}${more(this.#dtypes)}`,
        {
          facts: { tensors: this.#dtypes, expected: [...CASTABLE] },
        },
      );
    }
    if (missing !== undefined) {
      throw new NemotronError(
        'SOURCE_TENSOR_MISSING',
        `the source has no ${missing.tensor}, which ${missing.parameter} needs${more(this.missing)}`,
        { facts: { tensors: this.missing } },
      );
    }
    if (this.unruled.length > 0) {
      throw new NemotronError(
        'MODEL_PARAM_UNMAPPED',
        `with this config.json the Megatron model has ${this.unruled[0]}, which no rule of ${architecture} fills${more(this.unruled)}`,
        { facts: { parameters: this.unruled, unmappedTensors: unmapped } },
      );
    }
    if (unmapped.length > 0) {
      throw new NemotronError(
        'SOURCE_TENSOR_UNMAPPED',
        `no rule of ${architecture} names ${unmapped[0]}${more(unmapped)}`,
        { facts: { tensors: unmapped, architecture } },
      );
    }
  }
}

function more(list: readonly unknown[]): string {
  return list.length > 1 ? ` (and ${list.length - 1} more)` : '';
}
