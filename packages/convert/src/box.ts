/**
 * The box [start, start + size) of a row-major target, which takes element (i, j, …) from source element
 * offset + i·strides[0] + j·strides[1] + ….
 */
export interface Strided {
  readonly start: readonly number[];
  readonly size: readonly number[];
  /** In elements of the source tensor. */
  readonly offset: number;
  readonly strides: readonly number[];
}

/** The one primitive: a strided box copy with a cast. */
export interface Box<Source> extends Strided {
  readonly source: Source;
  readonly op?: BoxOp<Source>;
}

/** What happens to an element before the cast to the target dtype. */
export type BoxOp<Source> =
  /** Less one, rounded to the source dtype. */
  | { readonly kind: 'minus_one' }
  /** Plus one, likewise. */
  | { readonly kind: 'plus_one' }
  /** float8 row-major [rows, columns] times its block's scale, rounded to bfloat16. */
  | {
      readonly kind: 'dequant_block';
      readonly scale: Source;
      readonly block: readonly [number, number];
      readonly columns: number;
      /** Scales are rounded to bfloat16 before. */
      readonly rounded?: boolean;
    }
  /** Four-bit floats, two a byte and low half first, times a power of two for every 32; elements are the values. */
  | { readonly kind: 'dequant_mxfp4'; readonly scale: Source }
  /** Four-bit integers, eight a word, times their group's scale, rounded to bfloat16; elements are the values. */
  | { readonly kind: 'dequant_int4'; readonly scale: Source; readonly group: number };

/** The part of a box inside the window [start, start + size), in the window's own coordinates; null when empty. */
export function clip<Source>(
  box: Box<Source>,
  start: readonly number[],
  size: readonly number[],
): Box<Source> | null {
  const from: number[] = [];
  const count: number[] = [];
  let offset = box.offset;
  for (const [d, windowStart] of start.entries()) {
    const boxStart = box.start[d] as number;
    const low = Math.max(boxStart, windowStart);
    const high = Math.min(boxStart + (box.size[d] as number), windowStart + (size[d] as number));
    if (high <= low) return null;
    from.push(low - windowStart);
    count.push(high - low);
    offset += (low - boxStart) * (box.strides[d] as number);
  }
  return { ...box, start: from, size: count, offset };
}

/** Row-major strides of a shape, in elements. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let d = shape.length - 2; d >= 0; d -= 1)
    strides[d] = (strides[d + 1] as number) * (shape[d + 1] as number);
  return strides;
}

export function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
