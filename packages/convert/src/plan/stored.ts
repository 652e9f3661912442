import { NemotronError } from '@nemotron-convert/core';
import type { CheckpointPlan, StoredCopy } from '@nemotron-convert/native';
import { type Box, clip, product } from '../box.js';
import type { Param } from '../megatron/model.js';

/** A part of a box with both of its sides: elements of a Hugging Face tensor, and elements of a stored region. */
export interface Piece {
  /** Number of the region among the checkpoint's. */
  readonly region: number;
  readonly size: readonly number[];
  /** In elements of the region. */
  readonly from: number;
  readonly fromStrides: readonly number[];
  /** In elements of the Hugging Face tensor. */
  readonly to: number;
  readonly toStrides: readonly number[];
}

interface StoredTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly copies: readonly StoredCopy[];
  /** The copies that hold an index of the leading axes, by how many axes lead and by the index. */
  readonly byLead: Map<number, ReadonlyMap<string, readonly StoredCopy[]>>;
}

/** A window of a parameter, and where a stored copy holds it. */
interface Window {
  readonly start: readonly number[];
  readonly size: readonly number[];
  readonly region: number;
  readonly from: number;
  readonly strides: readonly number[];
}

/** Parameters whose rows training pads to a size that its tensor parallelism divides. */
const PADDED = /(^|\.)(embedding\.word_embeddings|output_layer)\.weight$/;

/** The tensors of a checkpoint, asked for by the model's parameters. */
export class StoredTensors {
  readonly #tensors: ReadonlyMap<string, StoredTensor>;
  readonly #used = new Set<string>();

  constructor({ keys, files }: CheckpointPlan) {
    const items = files[0]?.items ?? [];
    this.#tensors = new Map(
      keys.map(({ key, dtype, shape }, at) => [
        key,
        { dtype, shape, copies: items[at]?.copies ?? [], byLead: new Map() },
      ]),
    );
  }

  /** Keys that no parameter has asked for. */
  get unused(): string[] {
    return [...this.#tensors.keys()].filter((key) => !this.#used.has(key));
  }

  get keys(): Iterable<string> {
    return this.#tensors.keys();
  }

  /** The dtype that a parameter is stored in; null where it is absent, in whole or in part. */
  dtypeOf(param: Param): string | null {
    const found = storedParts(param).map(({ key }) => this.#tensors.get(key));
    return found.every((tensor) => tensor !== undefined) ? (found[0]?.dtype ?? null) : null;
  }

  /** Whether the tensors of a parameter have the shapes that it needs; throws CHECKPOINT_MISMATCH where they do not. */
  check(param: Param): void {
    for (const { key, shape } of storedParts(param)) {
      this.#used.add(key);
      const found = this.#tensors.get(key)?.shape ?? [];
      const rows = param.axes.length;
      const fits =
        found.length === shape.length &&
        found.every(
          (n, d) => n === shape[d] || (d === rows && PADDED.test(param.name) && n > (shape[d] ?? 0)),
        );
      if (fits) continue;
      throw new NemotronError(
        'CHECKPOINT_MISMATCH',
        `${key} is [${found.join(', ')}], but config.json implies [${shape.join(', ')}]`,
        { facts: { key, expected: shape, found } },
      );
    }
  }

  /** The boxes of a parameter, cut into the pieces that regions hold. */
  pieces(param: Param, boxes: readonly Box<number>[]): { readonly source: number; readonly piece: Piece }[] {
    const windows = storedParts(param).flatMap((part) => this.#windows(param, part));
    return boxes.map(once).flatMap((box) =>
      windows.flatMap((window) => {
        const inside = clip(box, window.start, window.size);
        return inside === null ? [] : [{ source: box.source, piece: pieceOf(inside, window) }];
      }),
    );
  }

  #windows(param: Param, part: StoredPart): Window[] {
    const lead = param.axes.length;
    return this.#leading(part.key, lead, param.axes.map((axis) => axis.index).join(',')).map((copy) => {
      const start = copy.start.slice(lead);
      const from = param.axes.reduce(
        (sum, { index }, d) => sum + (index - (copy.start[d] ?? 0)) * (copy.strides[d] ?? 0),
        copy.offset,
      );
      return {
        start: start.map((at, d) => (d === 0 ? at + part.row : at)),
        size: copy.size.slice(lead),
        region: copy.tensor,
        from,
        strides: copy.strides.slice(lead),
      };
    });
  }

  /** The copies of a tensor that hold an index of its first axes. */
  #leading(key: string, lead: number, index: string): readonly StoredCopy[] {
    const tensor = this.#tensors.get(key);
    if (tensor === undefined || lead === 0) return tensor?.copies ?? [];
    let known = tensor.byLead.get(lead);
    if (known === undefined) {
      const groups = new Map<string, StoredCopy[]>();
      for (const copy of tensor.copies) {
        for (const name of indices(copy.start.slice(0, lead), copy.size.slice(0, lead))) {
          const group = groups.get(name);
          if (group === undefined) groups.set(name, [copy]);
          else group.push(copy);
        }
      }
      known = groups;
      tensor.byLead.set(lead, known);
    }
    return known.get(index) ?? [];
  }
}

/** A box whose repeated elements are taken once. */
function once(box: Box<number>): Box<number> {
  if (!box.strides.includes(0)) return box;
  return { ...box, size: box.size.map((count, d) => (box.strides[d] === 0 ? 1 : count)) };
}

interface StoredPart {
  readonly key: string;
  /** Of the whole tensor, leading axes included. */
  readonly shape: readonly number[];
  /** The parameter's row that its first row is. */
  readonly row: number;
}

/** The tensors that a parameter is stored in: one, or one a part where the parts have keys of their own. */
function storedParts(param: Param): StoredPart[] {
  const counts = param.axes.map((axis) => axis.count);
  const { key, parts, shape } = param;
  if (parts.every(({ suffix }) => suffix === null)) return [{ key, shape: [...counts, ...shape], row: 0 }];
  let row = 0;
  return parts.map((part) => {
    const own = { key: `${key}.${part.suffix}`, shape: [...counts, part.rows, ...shape.slice(1)], row };
    row += part.rows;
    return own;
  });
}

function pieceOf({ start, size, offset, strides }: Box<number>, window: Window): Piece {
  const from = start.reduce((sum, at, d) => sum + at * (window.strides[d] ?? 0), window.from);
  return { region: window.region, size, from, fromStrides: window.strides, to: offset, toStrides: strides };
}

/** The indices of a box, as texts. */
function indices(start: readonly number[], size: readonly number[]): string[] {
  return Array.from({ length: product(size) }, (_, number) => {
    let rest = number;
    const index = size.map(() => 0);
    for (let d = size.length - 1; d >= 0; d -= 1) {
      index[d] = (start[d] ?? 0) + (rest % (size[d] ?? 1));
      rest = Math.floor(rest / (size[d] ?? 1));
    }
    return index.join(',');
  });
}
