import type { Compiled, TransformContext } from './compiled.js';
import { copy } from './copy.js';

/** One of the equal parts that lie behind one another in a source, whose shape is `whole` of the parameter's own. */
function part(
  names: readonly string[],
  context: TransformContext,
  number: number,
  whole: (shape: readonly number[]) => readonly number[],
): Compiled {
  const { needs, boxes } = copy(names, context);
  const offset = number * context.shape.reduce((a, b) => a * b, 1);
  return {
    needs: needs.map((need) => ({ ...need, shape: whole(need.shape) })),
    boxes: boxes.map((box) => ({ ...box, offset: box.offset + offset })),
  };
}

const pair = (shape: readonly number[]): readonly number[] => [2, ...shape];
const threefold = ([rows = 1, ...rest]: readonly number[]): readonly number[] => [3 * rows, ...rest];

/** The first row of a source [2, …]. */
export function firstRow(names: readonly string[], context: TransformContext): Compiled {
  return part(names, context, 0, pair);
}

/** The second row of a source [2, …]. */
export function secondRow(names: readonly string[], context: TransformContext): Compiled {
  return part(names, context, 1, pair);
}

/** The first third of a source's rows. */
export function firstThird(names: readonly string[], context: TransformContext): Compiled {
  return part(names, context, 0, threefold);
}

/** The second third of a source's rows. */
export function secondThird(names: readonly string[], context: TransformContext): Compiled {
  return part(names, context, 1, threefold);
}

/** The last third of a source's rows. */
export function lastThird(names: readonly string[], context: TransformContext): Compiled {
  return part(names, context, 2, threefold);
}
