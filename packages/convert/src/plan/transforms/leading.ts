import type { Compiled, TransformContext } from './compiled.js';
import { copy } from './copy.js';

/** The first elements of a vector that the source pads with zeros. */
export function leading(names: readonly string[], context: TransformContext): Compiled {
  const { needs, boxes } = copy(names, context);
  return { needs: needs.map((need) => ({ ...need, padded: true })), boxes };
}
