import { DTYPES, TARGET_DTYPES, type TargetDtype } from '@nemotron-convert/core';
import { product } from '../box.js';
import type { ModelDescription, Param } from '../megatron/model.js';
import type { ConfigRules, Family } from '../models/family.js';
import type { Fields } from '../models/provider.js';
import type { Target } from '../models/target.js';
import type { SourceTensor } from '../source/tensor.js';
import { concrete, type Drop, drops } from './collect.js';
import { Compiler } from './compiler.js';
import { Kinds, sameShape } from './kind.js';
import { countsOf, MappingRegistry } from './match.js';
import type { OutputTensor } from './safetensors.js';
import type { Piece, StoredTensors } from './stored.js';
import type { Compiled } from './transforms/compiled.js';
import { unbox } from './unbox.js';
import { unwritten } from './unwritten.js';

export interface ExportInput {
  readonly family: Family;
  readonly rules: ConfigRules;
  readonly target: Target;
  readonly model: ModelDescription;
  readonly provider: Fields;
  readonly stored: StoredTensors;
  /** Headers of the original's weights, as far as they are at hand. */
  readonly tensors: ReadonlyMap<string, SourceTensor>;
  /** The names of the original's tensors; null where nothing tells them. */
  readonly names: ReadonlySet<string> | null;
  /** Asked for, whatever the original has. */
  readonly dtype: TargetDtype | null;
  /** Keys kept in float32 whose elements bfloat16 could not hold. */
  readonly wide: ReadonlySet<string>;
}

export interface Exported {
  readonly outputs: readonly OutputTensor[];
  /** For outputs that the original lacks: one of its tensors that they stand for. */
  readonly beside: ReadonlyMap<string, string>;
  /** Tensors of the original that are left out on purpose. */
  readonly drops: readonly Drop[];
  readonly parameters: number;
  readonly faults: ExportFaults;
}

/** What does not fit between the model, the checkpoint and the original. */
export interface ExportFaults {
  /** Parameters that the checkpoint lacks. */
  readonly missing: readonly string[];
  /** Keys of the checkpoint that no parameter of the model has. */
  readonly unexpected: readonly string[];
  /** Tensors that would be written and that the original does not have. */
  readonly unknown: readonly string[];
  /** Tensors of the original that nothing would be written for. */
  readonly unwritten: readonly string[];
}

/** A tensor of the Hugging Face checkpoint as it is gathered from parameters. */
interface Draft {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly pieces: Piece[];
  /** The boxes that parameters have filled. */
  readonly filled: Set<string>;
  readonly plusOne: boolean;
  /** The original has zeros behind what parameters fill. */
  readonly padded: boolean;
}

const EMBEDDING = 'embedding.word_embeddings.weight';
const HEAD = 'output_layer.weight';

/**
 * The mapping rows read backwards: every parameter of the checkpoint goes to the tensors that it came from. Throws
 * CHECKPOINT_MISMATCH for a parameter of another shape than config.json implies; other differences are returned.
 */
export function collectExport(input: ExportInput): Exported {
  const { family, rules, model, provider, stored, names } = input;
  const counts = countsOf(provider);
  const registry = new MappingRegistry([...(rules.rows ?? []), ...family.rows], counts);
  const plain = new MappingRegistry(family.rows, counts);
  const kinds = new Kinds();
  const compilers = [new Compiler(provider), new Compiler(provider)] as const;
  const drafts = new Map<string, Draft>();
  const beside = new Map<string, string>();
  const missing: string[] = [];
  const incomplete = new Set<string>();
  const replaced = new Set<string>();
  let parameters = 0;
  for (const param of model.params) {
    const kind = kinds.of(param);
    const named = (choice: Compiled): Compiled => ({
      ...choice,
      needs: choice.needs.map((need) => ({ ...need, name: registry.fill(need.name, param.indices) })),
    });
    const choices = compilers[0].compile(kind, param, registry.find(param.name) ?? []).map(named);
    const chosen = choose(
      choices,
      () => compilers[1].compile(kind, param, plain.find(param.name) ?? []).map(named),
      input,
    );
    for (const quantised of choices.filter(isQuantised)) {
      for (const { name } of quantised.needs) replaced.add(name);
      const [first] = quantised.needs;
      const [own] = chosen.needs;
      if (first !== undefined && own !== undefined) beside.set(own.name, first.name);
    }
    const dtype = stored.dtypeOf(param);
    if (dtype === null) {
      missing.push(concrete(param));
      for (const { name } of chosen.needs) incomplete.add(name);
      continue;
    }
    stored.check(param);
    parameters += product(param.shape);
    draft(input, param, dtype, chosen, drafts);
  }
  for (const name of drafts.keys()) {
    const packed = `${name}_packed`;
    if (names?.has(name) !== false || !names.has(packed)) continue;
    beside.set(name, packed);
    for (const stored of [packed, `${name}_shape`]) replaced.add(stored);
  }
  repeatEnds(input, registry, drafts);
  for (const name of incomplete) drafts.delete(name);
  const outputs = [...drafts].map(([name, { shape, dtype, pieces, plusOne, padded }]): OutputTensor => {
    const op = plusOne ? ({ kind: 'plus_one' } as const) : undefined;
    const fill = padded ? ({ fill: 'zero' } as const) : {};
    return { name, dtype, shape, ...unbox(shape, pieces, op), ...fill };
  });
  const unknown =
    names === null
      ? []
      : outputs
          .filter(({ name }) => !names.has(name) && !names.has(beside.get(name) ?? ''))
          .map(({ name }) => name);
  const left = unwritten(input, new Set(drafts.keys()), replaced);
  return {
    outputs,
    beside,
    drops: left.drops,
    parameters,
    faults: { missing, unexpected: stored.unused, unknown, unwritten: left.unwritten },
  };
}

function isQuantised({ boxes }: Compiled): boolean {
  return boxes.some(({ op }) => op?.kind.startsWith('dequant_'));
}

/** The form that the original has; where it is quantised or unknown, the family's first. */
function choose(
  choices: readonly Compiled[],
  plain: () => readonly Compiled[],
  { tensors, names }: ExportInput,
): Compiled {
  const open = choices.filter((choice) => !isQuantised(choice));
  const named = open.filter(({ needs }) => needs.every(({ name }) => names?.has(name) ?? false));
  const fitting = named.find(({ needs }) =>
    needs.every(({ name, shape }) => sameShape(shape, tensors.get(name)?.shape ?? [])),
  );
  if (fitting !== undefined) return fitting;
  return named[0] ?? plain().find((choice) => !isQuantised(choice)) ?? open[0] ?? { needs: [], boxes: [] };
}

/** Adds a parameter's pieces to the tensors that it goes to. */
function draft(
  input: ExportInput,
  param: Param,
  dtype: string,
  { needs, boxes }: Compiled,
  drafts: Map<string, Draft>,
): void {
  const targets = needs.map(({ name, shape: needed, padded }, at): Draft => {
    const known = drafts.get(name);
    if (known !== undefined) return known;
    const shape = (padded === true ? input.tensors.get(name)?.shape : undefined) ?? needed;
    const plusOne = boxes.some(({ source, op }) => source === at && op?.kind === 'minus_one');
    const own = outputDtype(input, param, dtype, name);
    const made = {
      shape,
      dtype: own,
      pieces: [],
      filled: new Set<string>(),
      plusOne,
      padded: padded === true,
    };
    drafts.set(name, made);
    return made;
  });
  // Where several parameters hold the same values, the first one gives them.
  const open = boxes.filter(({ source, offset, size, strides }) => {
    const { filled } = targets[source] as Draft;
    const box = `${offset};${size.join()};${strides.join()}`;
    return !filled.has(box) && filled.add(box);
  });
  for (const { source, piece } of input.stored.pieces(param, open)) targets[source]?.pieces.push(piece);
}

/**
 * The original's dtype, unless the checkpoint's is narrower: a cast that gains nothing is not made. What Megatron keeps
 * in float32 (router biases) becomes bfloat16 only where that loses nothing.
 */
function outputDtype(
  { tensors, dtype, wide }: ExportInput,
  { keeps, key }: Param,
  stored: string,
  name: string,
): string {
  if (!isFloat(stored)) return stored;
  const found = tensors.get(name)?.dtype;
  const original = DTYPES.find(({ safetensors }) => safetensors === found)?.torch ?? stored;
  if (keeps === 'float32') return original === 'bfloat16' && !wide.has(key) ? original : stored;
  if (dtype !== null) return dtype;
  return isFloat(original) && original !== 'float32' && stored === 'float32' ? original : stored;
}

function isFloat(dtype: string): dtype is TargetDtype {
  return (TARGET_DTYPES as readonly string[]).includes(dtype);
}

/** Tensors of the original that are another one's values again: a tied output layer, the ends of a prediction layer. */
function repeatEnds(input: ExportInput, registry: MappingRegistry, drafts: Map<string, Draft>): void {
  const { family, target, provider, names, tensors } = input;
  const nameOf = (param: string): string => {
    const [origin] = registry.find(`${family.prefix ?? ''}${param}`) ?? [];
    return typeof origin === 'string' ? origin : '';
  };
  const repeat = (name: string, param: string): void => {
    const original = drafts.get(nameOf(param));
    if (original !== undefined && !drafts.has(name)) drafts.set(name, original);
  };
  const tied = provider['share_embeddings_and_output_weights'] === true;
  if (tied && names?.has(nameOf(HEAD))) repeat(nameOf(HEAD), EMBEDDING);
  const rules = (family.drops ?? []).filter(({ targets }) => targets?.includes(target) ?? true);
  for (const name of names ?? []) {
    // The first rule that leaves a tensor out is the one that counts.
    const rule = rules.find((each) => drops(each, name, provider, tensors));
    const param = rule?.repeats?.[rule.tensors.exec(name)?.groups?.['end'] ?? ''];
    if (param !== undefined) repeat(name, tied && param === HEAD ? EMBEDDING : param);
  }
}
