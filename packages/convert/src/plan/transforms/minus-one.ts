import type { Compiled, TransformContext } from './compiled.js';
import { copy } from './copy.js';

/** The tensor less one, rounded in its own dtype. */
export function minusOne(names: readonly string[], context: TransformContext): Compiled {
  const { needs, boxes } = copy(names, context);
  return { needs, boxes: boxes.map((box) => ({ ...box, op: { kind: 'minus_one' } })) };
}
