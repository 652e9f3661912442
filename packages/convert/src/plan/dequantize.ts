import { NemotronError } from '@nemotron-convert/core';
import type { SourceTensor } from '../source/tensor.js';
import type { Box } from './box.js';

const FLOAT8 = 'F8_E4M3';
const SCALE_SUFFIX = '_scale_inv';

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

/**
 * Gives every box over a float8 tensor the operation that multiplies by the tensor's block scales. Throws when a scale is
 * absent, or when its shape is not one number a block.
 */
export function dequantize(
  tensors: readonly SourceTensor[],
  boxes: readonly Box<number>[],
  all: ReadonlyMap<string, SourceTensor>,
  block: BlockSize,
): Dequantized {
  const out = [...tensors];
  const scaleOf = new Map<number, number>();
  for (const [position, tensor] of tensors.entries()) {
    if (tensor.dtype !== FLOAT8) continue;
    scaleOf.set(position, out.push(blockScale(tensor, all, block)) - 1);
  }
  if (scaleOf.size === 0) return { tensors, boxes };
  return {
    tensors: out,
    boxes: boxes.map((box) => {
      const scale = scaleOf.get(box.source);
      if (scale === undefined) return box;
      const columns = tensors[box.source]?.shape[1] as number;
      return { ...box, op: { kind: 'dequant_block', scale, block, columns } };
    }),
  };
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
  const expected = shape.map((extent, d) => Math.ceil(extent / (block[d] ?? 1)));
  const same = shape.length === 2 && expected.every((extent, d) => extent === scale.shape[d]);
  if (same && scale.shape.length === 2) return scale;
  throw new NemotronError(
    'SOURCE_TENSOR_SHAPE',
    `${scaleName} is [${scale.shape.join(', ')}], but ${name} of [${shape.join(', ')}] in blocks of [${block.join(', ')}] needs [${expected.join(', ')}]`,
    { facts: { tensor: scaleName, expected, found: scale.shape, block } },
  );
}
