import type { Compiled, TransformContext } from './compiled.js';
import { copy } from './copy.js';

/** The first row of a source [2, …]. */
export function firstRow(names: readonly string[], context: TransformContext): Compiled {
  return rowOfTwo(names, context, 0);
}

/** The second row of a source [2, …]. */
export function secondRow(names: readonly string[], context: TransformContext): Compiled {
  return rowOfTwo(names, context, 1);
}

function rowOfTwo(names: readonly string[], context: TransformContext, row: number): Compiled {
  const { needs, boxes } = copy(names, context);
  const offset = row * context.shape.reduce((a, b) => a * b, 1);
  return {
    needs: needs.map((need) => ({ ...need, shape: [2, ...need.shape] })),
    boxes: boxes.map((box) => ({ ...box, offset: box.offset + offset })),
  };
}
