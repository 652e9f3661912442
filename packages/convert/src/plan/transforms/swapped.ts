import { rowMajor } from '../../box.js';
import type { Compiled, TransformContext } from './compiled.js';

/** A matrix with the halves of its columns exchanged. */
export function swapped([name = '']: readonly string[], { shape }: TransformContext): Compiled {
  const [outputs = 0, inputs = 0] = shape;
  const half = inputs / 2;
  const boxes = [half, 0].map((offset, i) => ({
    source: 0,
    start: [0, i * half],
    size: [outputs, half],
    offset,
    strides: rowMajor(shape),
  }));
  return { needs: [{ name, shape }], boxes };
}
