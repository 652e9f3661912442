import type { Compiled, TransformContext } from './compiled.js';
import { copy } from './copy.js';

/** The first third of a source's rows. */
export function firstThird(names: readonly string[], context: TransformContext): Compiled {
  return third(names, context, 0);
}

/** The second third of a source's rows. */
export function secondThird(names: readonly string[], context: TransformContext): Compiled {
  return third(names, context, 1);
}

/** The last third of a source's rows. */
export function lastThird(names: readonly string[], context: TransformContext): Compiled {
  return third(names, context, 2);
}

function third(names: readonly string[], context: TransformContext, number: number): Compiled {
  const { needs, boxes } = copy(names, context);
  const offset = number * context.shape.reduce((a, b) => a * b, 1);
  return {
    needs: needs.map(({ shape: [rows = 1, ...rest], ...need }) => ({ ...need, shape: [3 * rows, ...rest] })),
    boxes: boxes.map((box) => ({ ...box, offset: box.offset + offset })),
  };
}
