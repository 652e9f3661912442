import { NemotronError } from '@nemotron-convert/core';
import { clip } from '../box.js';
import type { StoredKey } from '../source/checkpoint.js';
import { checkFloat } from './apply.js';
import { type Factor, type FactorPart, sameShape } from './change.js';

/** The factors of one module for one of its tensors: plus scale · out · in, for each of the leading axes' indices. */
export interface MegatronChange {
  /** [leading…, rank, columns]. */
  readonly inner: StoredKey;
  /** [leading…, rows, rank]. */
  readonly outer: StoredKey;
  readonly scale: number;
  /** Which rows of the weight the rows of `outer` are, as runs; all of them in their order when absent. */
  readonly rows?: readonly RowRun[];
}

/** Rows `from`, `from` + 1, … of the outer factor are rows `to`, `to` + 1, … of the weight. */
export interface RowRun {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** `module.adapter[.adapter_x].linear_in.weight`, with the suffix that the weight's key has too. */
const FACTOR =
  /^(?<module>.+)\.adapter(?:\.adapter_(?<part>\w+))?\.linear_(?<side>in|out)\.weight(?<suffix>\..+)?$/;

export interface JoinInput {
  readonly base: ReadonlyMap<string, StoredKey>;
  readonly adapter: ReadonlyMap<string, StoredKey>;
  readonly alpha: number;
  /** The rows of a fused weight that belong to one of its parts: q, k, v, gate or up. Throws where it cannot tell. */
  readonly rowsOf: (part: string, weight: StoredKey) => readonly RowRun[];
}

export interface Joined {
  /** Changes of the base's tensors by key. */
  readonly changes: ReadonlyMap<string, readonly MegatronChange[]>;
  /** Tensors that were trained whole and take the place of the base's. */
  readonly replaced: ReadonlyMap<string, StoredKey>;
}

/** Joins an adapter with its base. Every tensor of the adapter is used. Throws ADAPTER_TENSOR_*. */
export function joinAdapter({ base, adapter, alpha, rowsOf }: JoinInput): Joined {
  const changes = new Map<string, MegatronChange[]>();
  const replaced = new Map<string, StoredKey>();
  for (const [key, outer] of adapter) {
    const { module, part, side, suffix = '' } = FACTOR.exec(key)?.groups ?? {};
    if (module === undefined) {
      const known = base.get(key);
      if (known === undefined) throw unknown(key, 'is no factor of LoRA, and the base has no such tensor');
      if (!sameShape(known.shape, outer.shape)) throw misfit([outer], known);
      replaced.set(key, { ...outer, dtype: known.dtype });
      continue;
    }
    const prefix = `${module}.adapter${part === undefined ? '' : `.adapter_${part}`}`;
    const name = `${prefix}.linear_${side === 'in' ? 'out' : 'in'}.weight`;
    if (side === 'in') {
      if (![...adapter.keys()].some((other) => other.startsWith(name))) throw alone(key, name);
      continue;
    }
    const inner = adapter.get(name);
    if (inner === undefined) throw alone(key, name);
    const weight = weightOf(base, module, suffix);
    if (weight === undefined)
      throw unknown(key, `changes ${module}.weight${suffix}, which the base does not have`);
    const rank = inner.shape.at(-2) as number;
    const rows = part === undefined ? {} : { rows: rowsOf(part, weight) };
    const change = { inner, outer, scale: alpha / rank, ...rows };
    checkShapes(change, weight);
    changes.set(weight.key, [...(changes.get(weight.key) ?? []), change]);
  }
  return { changes, replaced };
}

/** Grouped experts keep their weights one level deeper than the module that the adapter wraps. */
function weightOf(
  base: ReadonlyMap<string, StoredKey>,
  module: string,
  suffix: string,
): StoredKey | undefined {
  const nested = module.replace(/\.experts\.(linear_fc[12])$/, '.experts.experts.$1');
  return base.get(`${module}.weight${suffix}`) ?? base.get(`${nested}.weight${suffix}`);
}

function checkShapes({ inner, outer, rows }: MegatronChange, weight: StoredKey): void {
  for (const { boxes } of [inner, outer, weight]) for (const { source } of boxes) checkFloat(source);
  const [height, width] = weight.shape.slice(-2);
  const count = rows?.reduce((sum, run) => sum + run.count, 0) ?? height;
  const [lead, ...others] = [weight, inner, outer].map(({ shape }) => shape.slice(0, -2));
  const led = others.every((axes) => fitsLead(axes, lead as number[]));
  const [rank, columns] = inner.shape.slice(-2);
  const [outputs, terms] = outer.shape.slice(-2);
  if (led && weight.shape.length >= 2 && rank === terms && columns === width && outputs === count) return;
  throw misfit([outer, inner], weight);
}

function misfit(tensors: readonly StoredKey[], weight: StoredKey): NemotronError {
  const shown = ({ key, shape }: StoredKey): string => `${key} [${shape.join(', ')}]`;
  return new NemotronError(
    'ADAPTER_TENSOR_SHAPE',
    `${tensors.map(shown).join(' with ')} does not fit ${shown(weight)} of the base`,
    { facts: { tensors: tensors.map(({ key }) => key), base: weight.key, expected: weight.shape } },
  );
}

/** The same leading axes, or fewer of them: factors that all experts share lack their axis, or have one of length 1. */
function fitsLead(axes: readonly number[], lead: readonly number[]): boolean {
  const missing = lead.length - axes.length;
  return (missing === 0 || missing === 1) && axes.every((count, d) => count === lead[d] || count === 1);
}

/** The factors of a change for the rows and columns [start, start + size) of the weight at leading indices. */
export function factorsAt(
  { inner, outer, rows }: MegatronChange,
  lead: readonly number[],
  start: readonly [number, number],
  size: readonly [number, number],
): { readonly left: Factor; readonly right: Factor } {
  const rank = inner.shape.at(-2) as number;
  const runs = rows ?? [{ from: 0, to: 0, count: outer.shape.at(-2) as number }];
  const left = runs.flatMap(({ from, to, count }) => {
    const first = Math.max(to, start[0]);
    const last = Math.min(to + count, start[0] + size[0]);
    if (last <= first) return [];
    return windowOf(outer, lead, [from + first - to, 0], [last - first, rank], first - start[0]);
  });
  return {
    left: { shape: [size[0], rank], parts: left },
    right: { shape: [rank, size[1]], parts: windowOf(inner, lead, [0, start[1]], [rank, size[1]], 0) },
  };
}

/** A window of one of the matrices that a key stacks, as parts of a factor that begin at its row `at`. */
function windowOf(
  { shape, boxes }: StoredKey,
  lead: readonly number[],
  start: readonly number[],
  size: readonly number[],
  at: number,
): FactorPart[] {
  const own = lead.slice(0, shape.length - 2).map((index, d) => (shape[d] === 1 ? 0 : index));
  return boxes.flatMap((box) => {
    const part = clip(box, [...own, ...start], [...own.map(() => 1), ...size]);
    if (part === null) return [];
    const last = (values: readonly number[]): number[] => values.slice(-2);
    const [row = 0, column = 0] = last(part.start);
    return [
      {
        tensor: part.source,
        start: [row + at, column],
        size: last(part.size),
        offset: part.offset,
        strides: last(part.strides),
      },
    ];
  });
}

function alone(key: string, counterpart: string): NemotronError {
  return new NemotronError('ADAPTER_TENSOR_MISSING', `${key} is there without ${counterpart}`, {
    facts: { found: key, missing: counterpart },
  });
}

function unknown(key: string, what: string): NemotronError {
  return new NemotronError('ADAPTER_TENSOR_UNKNOWN', `${key} ${what}`, { facts: { tensor: key } });
}
