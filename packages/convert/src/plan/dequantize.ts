import { memo, NemotronError } from '@nemotron-convert/core';
import type { Box, BoxOp } from '../box.js';
import { PACKED } from '../source/packed-floats.js';
import { isPackedIntegers } from '../source/packed-integers.js';
import type { SourceTensor } from '../source/tensor.js';
import { type BlockSize, FLOAT8, isQuantised, scaleTensor, scalingOf } from './scales.js';

export interface Dequantized {
  /** The tensors of the boxes: the given ones, then the scales. */
  readonly tensors: readonly SourceTensor[];
  readonly boxes: readonly Box<number>[];
  /** The scales as the source has them. */
  readonly scales: readonly SourceTensor[];
}

type Op = BoxOp<number>;

interface Filled {
  readonly ops: readonly (Op | null)[];
  readonly boxes: readonly Box<number>[];
}

/** Joins quantised tensors with their scales. */
export class Dequantizer {
  readonly #all: ReadonlyMap<string, SourceTensor>;
  readonly #block: BlockSize;
  /** Boxes with their operations, by the boxes and then by the sources' operations: parameters of a kind share them. */
  readonly #known = new Map<readonly Box<number>[], Filled[]>();

  constructor(all: ReadonlyMap<string, SourceTensor>, block: BlockSize) {
    this.#all = all;
    this.#block = block;
  }

  /**
   * Gives every box over a quantised tensor the operation that multiplies by the tensor's scales. Throws when a scale is
   * absent, or when its shape does not fit.
   */
  dequantize(tensors: readonly SourceTensor[], boxes: readonly Box<number>[]): Dequantized {
    if (!tensors.some((tensor) => isQuantised(tensor.dtype) || isPackedIntegers(tensor)))
      return { tensors, boxes, scales: [] };
    const out = tensors.map(storedAs);
    const scales: SourceTensor[] = [];
    const ops = tensors.map((tensor): Op | null => {
      if (!isQuantised(tensor.dtype) && !isPackedIntegers(tensor)) return null;
      const { scale, op, stored } = this.#operation(tensor, out.length);
      out.push(stored);
      scales.push(scale);
      return op;
    });
    return { tensors: out, boxes: this.#filled(boxes, ops), scales };
  }

  #filled(boxes: readonly Box<number>[], ops: readonly (Op | null)[]): readonly Box<number>[] {
    const known = memo(this.#known, boxes, (): Filled[] => []);
    const found = known.find((filled) => isSame(filled.ops, ops));
    if (found !== undefined) return found.boxes;
    const filled = boxes.map((box) => {
      const op = ops[box.source] ?? null;
      return op === null ? box : { ...box, op };
    });
    known.push({ ops, boxes: filled });
    return filled;
  }

  #operation(tensor: SourceTensor, at: number): { scale: SourceTensor; stored: SourceTensor; op: Op } {
    if (isPackedIntegers(tensor)) {
      const { scale, group } = tensor;
      return { scale, stored: scale, op: { kind: 'dequant_int4', scale: at, group } };
    }
    if (tensor.dtype === FLOAT8) {
      const { tensor: scale, block, rounded } = scalingOf(tensor, this.#all, this.#block);
      const columns = tensor.shape[1] as number;
      const op = { kind: 'dequant_block', scale: at, block, columns } as const;
      return { scale, stored: scale, op: rounded ? { ...op, rounded } : op };
    }
    const scale = scaleTensor(tensor.name, this.#all);
    if (scale === undefined) throw new NemotronError('INTERNAL', `${tensor.name} has lost its scales`);
    return { scale, stored: { ...scale, dtype: 'U8' }, op: { kind: 'dequant_mxfp4', scale: at } };
  }
}

/** Whether values, objects and lists in them too, have the same fields. */
function isSame(one: unknown, other: unknown): boolean {
  if (!isObject(one) || !isObject(other)) return one === other;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => isSame(one[name], other[name]));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** What the source holds for a tensor: four-bit values are two a byte or eight a word. */
function storedAs(tensor: SourceTensor): SourceTensor {
  if (isPackedIntegers(tensor)) return tensor.packed;
  if (tensor.dtype !== PACKED) return tensor;
  const [rows = 0, columns = 0] = tensor.shape;
  return { ...tensor, dtype: 'U8', shape: [rows, columns / 2] };
}
