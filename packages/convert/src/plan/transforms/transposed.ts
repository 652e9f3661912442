import type { Compiled, TransformContext } from './compiled.js';

/** A matrix out of one [inputs, outputs]. */
export function transposed([name = '']: readonly string[], { shape }: TransformContext): Compiled {
  const [outputs = 0, inputs = 0] = shape;
  const box = { source: 0, start: [0, 0], size: shape, offset: 0, strides: [1, outputs] };
  return { needs: [{ name, shape: [inputs, outputs] }], boxes: [box] };
}
