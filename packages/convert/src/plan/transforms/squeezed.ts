import type { Compiled, TransformContext } from './compiled.js';
import { copy } from './copy.js';

/** The tensor without its leading axis of one. */
export function squeezed(names: readonly string[], context: TransformContext): Compiled {
  const { needs, boxes } = copy(names, context);
  return { needs: needs.map(({ name, shape }) => ({ name, shape: [1, ...shape] })), boxes };
}
