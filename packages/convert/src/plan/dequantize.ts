import { memo, NemotronError } from '@nemotron-convert/core';
import type { SourceTensor } from '../source/tensor.js';
import type { Box } from './box.js';

const FLOAT8 = 'F8_E4M3';
export const SCALE_SUFFIX = '_scale_inv';

/** Block-scaled float8 of a source: rows and columns that share a scale. */
export type BlockSize = readonly [rows: number, columns: number];

/** True for the scale tensor of a block-scaled weight that the source has too. */
export function isBlockScale(name: string, tensors: ReadonlyMap<string, SourceTensor>): boolean {
  if (!name.endsWith(SCALE_SUFFIX)) return false;
  return tensors.get(name.slice(0, -SCALE_SUFFIX.length))?.dtype === FLOAT8;
}

export interface Dequantized {
  /** The tensors of the boxes: the given ones, then the scales. */
  readonly tensors: readonly SourceTensor[];
  readonly boxes: readonly Box<number>[];
}

/** Joins float8 tensors with their scales. */
export class Dequantizer {
  readonly #all: ReadonlyMap<string, SourceTensor>;
  readonly #block: BlockSize;
  /** Boxes with their operations, by the boxes and by which sources have scales: parameters of a kind share them. */
  readonly #known = new Map<readonly Box<number>[], Filled[]>();

  constructor(all: ReadonlyMap<string, SourceTensor>, block: BlockSize) {
    this.#all = all;
    this.#block = block;
  }

  /**
   * Gives every box over a float8 tensor the operation that multiplies by the tensor's block scales. Throws when a scale
   * is absent, or when its shape is not one number a block.
   */
  dequantize(tensors: readonly SourceTensor[], boxes: readonly Box<number>[]): Dequantized {
    if (!tensors.some(({ dtype }) => dtype === FLOAT8)) return { tensors, boxes };
    const out = [...tensors];
    const scales = tensors.map((tensor) =>
      tensor.dtype === FLOAT8 ? out.push(blockScale(tensor, this.#all, this.#block)) - 1 : null,
    );
    const columns = tensors.map(({ shape }) => shape[1] as number);
    const ofBoxes = memo(this.#known, boxes, (): Filled[] => []);
    const known = ofBoxes.find((one) => isSame(one.scales, scales) && isSame(one.columns, columns));
    if (known !== undefined) return { tensors: out, boxes: known.boxes };
    const filled = withScales(boxes, scales, columns, this.#block);
    ofBoxes.push({ scales, columns, boxes: filled });
    return { tensors: out, boxes: filled };
  }
}

/** Boxes with their operations, and what they were made for: positions of scales and columns, for each source. */
interface Filled {
  readonly scales: readonly (number | null)[];
  readonly columns: readonly number[];
  readonly boxes: readonly Box<number>[];
}

function isSame<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function withScales(
  boxes: readonly Box<number>[],
  scales: readonly (number | null)[],
  columns: readonly number[],
  block: BlockSize,
): readonly Box<number>[] {
  return boxes.map((box) => {
    const scale = scales[box.source] ?? null;
    if (scale === null) return box;
    return { ...box, op: { kind: 'dequant_block', scale, block, columns: columns[box.source] as number } };
  });
}

function blockScale(
  { name, shape, dtype }: SourceTensor,
  all: ReadonlyMap<string, SourceTensor>,
  block: BlockSize,
): SourceTensor {
  const scaleName = `${name}${SCALE_SUFFIX}`;
  const scale = all.get(scaleName);
  if (scale === undefined) {
    throw new NemotronError(
      'SOURCE_TENSOR_MISSING',
      `${name} is ${dtype}, and the source has no ${scaleName}`,
      {
        facts: { tensor: scaleName, neededBy: name },
        hint: 'float8 weights mean nothing without their scales: download the missing file, or use the bfloat16 release',
      },
    );
  }
  const blocks = (d: number): number => Math.ceil((shape[d] ?? 1) / (block[d] ?? 1));
  const { shape: found } = scale;
  if (shape.length === 2 && found.length === 2 && found[0] === blocks(0) && found[1] === blocks(1))
    return scale;
  const expected = shape.map((_, d) => blocks(d));
  throw new NemotronError(
    'SOURCE_TENSOR_SHAPE',
    `${scaleName} is [${scale.shape.join(', ')}], but ${name} of [${shape.join(', ')}] in blocks of [${block.join(', ')}] needs [${expected.join(', ')}]`,
    { facts: { tensor: scaleName, expected, found: scale.shape, block } },
  );
}
