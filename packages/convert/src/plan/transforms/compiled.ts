import { type Box, product, rowMajor } from '../../box.js';
import type { Axis } from '../../megatron/model.js';
import type { Fields } from '../../models/provider.js';
import type { Fill } from '../types.js';

/** A tensor that a transform needs, with the shape that config.json implies for it. */
export interface Need {
  readonly name: string;
  readonly shape: readonly number[];
  /** The safetensors dtype of packed data; any dtype that casts when absent. */
  readonly dtype?: string;
  /** The tensor may have more rows than the shape says. */
  readonly padded?: boolean;
}

/** What a transform makes of its origin: the tensors it needs, and the target's boxes over them by position. */
export interface Compiled {
  readonly needs: readonly Need[];
  readonly boxes: readonly Box<number>[];
  /** What the rest holds where the boxes leave some. */
  readonly fill?: Fill;
}

/** A transform with its sizes: the parameter's whole shape, its place among the experts, the finished provider. */
export interface TransformContext {
  readonly shape: readonly number[];
  readonly expert: Axis | null;
  readonly provider: Fields;
}

export type Transform = (names: readonly string[], context: TransformContext) => Compiled;

/** `count` rows of source tensor `source` from row `from`, placed at target row `at`; `rest` is the shape of a row. */
export function rows(
  source: number,
  from: number,
  count: number,
  at: number,
  rest: readonly number[],
): Box<number> {
  return {
    source,
    start: [at, ...rest.map(() => 0)],
    size: [count, ...rest],
    offset: from * product(rest),
    strides: rowMajor([count, ...rest]),
  };
}
