import { NemotronError } from '@nemotron-convert/core';
import { PACKED } from '../source/packed-floats.js';
import type { SourceTensor } from '../source/tensor.js';

export const FLOAT8 = 'F8_E4M3';

/** Rows and columns that share a scale. */
export type BlockSize = readonly [rows: number, columns: number];

/** The scales of a float8 matrix. */
export interface Scaling {
  readonly tensor: SourceTensor;
  readonly block: BlockSize;
  /** Rounded to bfloat16 before they are multiplied. */
  readonly rounded: boolean;
}

/**
 * What the scales of `x.weight` are called: `weight_scale_inv` in DeepSeek's releases and those like them, `weight_scale`
 * where compressed-tensors, FBGEMM or ModelOpt made them, `scale` in DeepSeek V4's. All are multiplied with.
 */
const NAMES: readonly (readonly [ofWeight: RegExp, weight: string, scale: string])[] = [
  [/\.weight_scale_inv$/, '.weight', '.weight_scale_inv'],
  [/\.weight_scale$/, '.weight', '.weight_scale'],
  [/\.scale$/, '.weight', '.scale'],
  [/_scale_inv$/, '', '_scale_inv'],
];

/** The weights that a tensor may be the scales of, by its name. */
export function scaledBy(name: string): readonly string[] {
  return NAMES.filter(([pattern]) => pattern.test(name)).map(([pattern, weight]) =>
    name.replace(pattern, weight),
  );
}

/** The weight whose scales a tensor holds; null where it holds none. */
export function weightOf(name: string, tensors: ReadonlyMap<string, SourceTensor>): string | null {
  return scaledBy(name).find((weight) => isQuantised(tensors.get(weight)?.dtype)) ?? null;
}

export function isQuantised(dtype: string | undefined): boolean {
  return dtype === FLOAT8 || dtype === PACKED;
}

/** The tensor of a weight's scales; undefined where the source has none. */
export function scaleTensor(
  name: string,
  tensors: ReadonlyMap<string, SourceTensor>,
): SourceTensor | undefined {
  for (const [, weight, scale] of NAMES) {
    if (!name.endsWith(weight)) continue;
    const found = tensors.get(`${name.slice(0, name.length - weight.length)}${scale}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What else the Bridge takes `scale` for: one for so many rows, or one for each equal part of a row; null for neither. */
function tiles([rows = 1, columns = 1]: readonly number[], shape: readonly number[]): BlockSize | null {
  const [height = 1, width = 1] = shape;
  if (shape.length === 1) return height === Math.ceil(rows / ROWS) ? [ROWS, columns] : null;
  return height === rows && columns % width === 0 ? [1, columns / width] : null;
}

const ROWS = 128;

/**
 * The scales of a float8 matrix [rows, columns]: one number, one for each row, or one for each block. Throws when there
 * are none, and when they are of another shape.
 */
export function scalingOf(
  { name, shape, dtype }: SourceTensor,
  tensors: ReadonlyMap<string, SourceTensor>,
  block: BlockSize,
): Scaling {
  const tensor = scaleTensor(name, tensors);
  if (tensor === undefined) {
    const wanted = `${name}_scale_inv`;
    throw new NemotronError('SOURCE_TENSOR_MISSING', `${name} is ${dtype}, and the source has no ${wanted}`, {
      facts: { tensor: wanted, neededBy: name },
      hint: 'float8 weights mean nothing without their scales: download the missing file, or use the bfloat16 release',
    });
  }
  const [rows = 1, columns = 1] = shape;
  const [height = 1, width = 1] = tensor.shape;
  const { length } = tensor.shape;
  const blocks = [Math.ceil(rows / block[0]), Math.ceil(columns / block[1])];
  if (shape.length === 2) {
    // The Bridge rounds those of Ministral 3 with the weights' dtype.
    const rounded = tensor.name.endsWith('_scale_inv');
    if (length === 2 && height === blocks[0] && width === blocks[1]) return { tensor, block, rounded: false };
    if (length === 0 || (length === 1 && height === 1)) return { tensor, block: [rows, columns], rounded };
    if (length <= 2 && height === rows && width === 1) return { tensor, block: [1, columns], rounded };
    const own = tensor.name.endsWith('.scale') ? tiles(shape, tensor.shape) : null;
    if (own !== null) return { tensor, block: own, rounded: false };
  }
  throw new NemotronError(
    'SOURCE_TENSOR_SHAPE',
    `${tensor.name} is [${tensor.shape.join(', ')}], but ${name} of [${shape.join(', ')}] in blocks of [${block.join(', ')}] needs [${blocks.join(', ')}], or one number, or one for each row`,
    { facts: { tensor: tensor.name, expected: blocks, found: tensor.shape, block } },
  );
}
