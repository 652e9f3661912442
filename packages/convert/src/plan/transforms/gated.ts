import { type Compiled, rows, type TransformContext } from './compiled.js';

/** Gate rows, then up rows; each is half of the target. */
export function gated(names: readonly string[], { shape }: TransformContext): Compiled {
  const [total = 0, ...rest] = shape;
  const half = total / 2;
  return {
    needs: names.map((name) => ({ name, shape: [half, ...rest] })),
    boxes: names.map((_, i) => rows(i, 0, half, i * half, rest)),
  };
}
