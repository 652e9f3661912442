import { memo } from '@nemotron-convert/core';
import type { Box } from '../box.js';
import type { SourceTensor } from '../source/tensor.js';

/** What a parameter is filled from. */
interface Filling {
  readonly tensors: readonly SourceTensor[];
  readonly boxes: readonly Box<number>[];
}

/**
 * Wide integers for a parameter of int32: their low halves, which is what a cast keeps of them. Each tensor counts as one
 * of int32 with two elements for each of its own.
 */
export class Narrower {
  readonly #known = new Map<readonly Box<number>[], Map<string, readonly Box<number>[]>>();

  narrow({ tensors, boxes }: Filling): Filling {
    const wide = tensors.map(({ dtype }) => dtype === 'I64');
    if (!wide.includes(true)) return { tensors, boxes };
    const halves = memo(
      memo(this.#known, boxes, () => new Map<string, readonly Box<number>[]>()),
      wide.join(),
      () => boxes.map((box) => (wide[box.source] === true ? stretched(box) : box)),
    );
    const stored = tensors.map((tensor, at) =>
      wide[at] === true ? { ...tensor, dtype: 'I32', shape: [...tensor.shape, 2] } : tensor,
    );
    return { tensors: stored, boxes: halves };
  }
}

/** Every other element. The bytes of safetensors are little-endian: the low half comes first. */
function stretched(box: Box<number>): Box<number> {
  return { ...box, offset: 2 * box.offset, strides: box.strides.map((stride) => 2 * stride) };
}
