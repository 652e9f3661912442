import { rowMajor } from '../../box.js';
import type { Compiled, TransformContext } from './compiled.js';

/** The tensor as it is. */
export function copy([name = '']: readonly string[], { shape }: TransformContext): Compiled {
  const box = { source: 0, start: shape.map(() => 0), size: shape, offset: 0, strides: rowMajor(shape) };
  return { needs: [{ name, shape }], boxes: [box] };
}
