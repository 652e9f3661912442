import { type Box, product } from '../../box.js';
import { type Compiled, rows, type TransformContext } from './compiled.js';

/** How a tensor that stacks all experts holds the matrix of one. */
interface Layout {
  /** Inputs before outputs. */
  readonly transposed?: boolean;
  /** Gate and up outputs in turns; the target has all gates first. */
  readonly alternating?: boolean;
}

/** An expert's part of a tensor [experts, …]. */
export function stacked(names: readonly string[], context: TransformContext): Compiled {
  return { needs: need(names, context, {}), boxes: boxes(context, {}) };
}

/** An expert's part of a tensor [experts, inputs, outputs]. */
export function stackedTransposed(names: readonly string[], context: TransformContext): Compiled {
  const layout = { transposed: true };
  return { needs: need(names, context, layout), boxes: boxes(context, layout) };
}

/** Gate rows, then up rows of an expert, each out of a tensor [experts, rows, inputs]. */
export function stackedGated(names: readonly string[], context: TransformContext): Compiled {
  const [outputs = 0, inputs = 0] = context.shape;
  const { index, count } = expertOf(context);
  const half = outputs / 2;
  return {
    needs: names.map((name) => ({ name, shape: [count, half, inputs] })),
    boxes: names.map((_, i) => rows(i, index * half, half, i * half, [inputs])),
  };
}

/** Gate and up rows of an expert out of a tensor [experts, outputs, …] that has them in turns. */
export function alternating(names: readonly string[], context: TransformContext): Compiled {
  const layout = { alternating: true };
  return { needs: need(names, context, layout), boxes: boxes(context, layout) };
}

/** Gate and up rows of an expert out of a tensor [experts, inputs, outputs] that has them in turns. */
export function alternatingTransposed(names: readonly string[], context: TransformContext): Compiled {
  const layout = { transposed: true, alternating: true };
  return { needs: need(names, context, layout), boxes: boxes(context, layout) };
}

function need([name = '']: readonly string[], context: TransformContext, layout: Layout): Compiled['needs'] {
  const { index: _, count } = expertOf(context);
  const own = layout.transposed === true ? context.shape.toReversed() : context.shape;
  return [{ name, shape: [count, ...own] }];
}

/** The boxes of one expert's vector [outputs] or matrix [outputs, inputs] over its stack. */
export function boxes(context: TransformContext, layout: Layout): Box<number>[] {
  const { shape } = context;
  const [outputs = 0, inputs] = shape;
  const first = expertOf(context).index * product(shape);
  const transposed = layout.transposed === true && inputs !== undefined;
  const row = transposed ? 1 : (inputs ?? 1);
  const rest = inputs === undefined ? [] : [transposed ? outputs : 1];
  const kinds = layout.alternating === true ? 2 : 1;
  const count = outputs / kinds;
  return Array.from({ length: kinds }, (_, kind) => ({
    source: 0,
    start: [kind * count, ...rest.map(() => 0)],
    size: [count, ...shape.slice(1)],
    offset: first + kind * row,
    strides: [kinds * row, ...rest],
  }));
}

/** Throws where a row of the table puts a stack on a parameter that belongs to no expert. */
export function expertOf({ expert }: TransformContext): { index: number; count: number } {
  if (expert === null) throw new TypeError('a stacked tensor needs an expert parameter');
  return expert;
}
