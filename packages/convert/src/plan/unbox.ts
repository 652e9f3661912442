import { product, rowMajor } from '../box.js';
import type { Piece } from './stored.js';
import type { FormCopy } from './types.js';

/** The copies that fill a tensor, in an iteration space whose row-major order is the tensor's. */
export interface Unboxed {
  readonly extent: readonly number[];
  /** The regions that the copies count. */
  readonly tensors: readonly number[];
  readonly copies: readonly FormCopy[];
}

/** An axis of a piece: so many elements, so far apart on either side. */
interface Dim {
  readonly count: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Turns pieces around: what was the source of a box becomes the target. The tensor's shape is refined by the steps with
 * which pieces walk through it (alternating rows, say, make an axis of two), until each is a box of the refined space.
 */
export function unbox(shape: readonly number[], pieces: readonly Piece[], op?: FormCopy['op']): Unboxed {
  const walks = pieces.map((piece) => ({ piece, dims: dimsOf(piece) }));
  const total = product(shape);
  const steps = new Set(rowMajor(shape).filter((step) => step < total));
  for (const { dims } of walks) for (const { to } of dims) steps.add(to);
  if (total > 1) steps.add(1);
  const strides = [...steps].sort((a, b) => b - a);
  const extent = strides.map((step, axis) => (strides[axis - 1] ?? total) / step);
  if (!extent.every(Number.isInteger)) {
    throw new TypeError(`no space has steps of ${strides.join(', ')} in ${shape.join(', ')}`);
  }
  const tensors = [...new Set(pieces.map(({ region }) => region))];
  const positions = new Map(tensors.map((region, position) => [region, position]));
  const copies = walks.map(({ piece, dims }) => {
    const start = coordinates(piece.to, strides);
    const size = strides.map(() => 1);
    const sourceStrides = strides.map(() => 0);
    for (const dim of dims) place(dim, strides, extent, start, size, sourceStrides);
    const tensor = positions.get(piece.region) as number;
    const copy = { tensor, start, size, offset: piece.from, strides: sourceStrides };
    return op === undefined ? copy : { ...copy, op };
  });
  return { extent, tensors, copies };
}

function dimsOf({ size, fromStrides, toStrides }: Piece): Dim[] {
  return size
    .map((count, d) => ({ count, from: fromStrides[d] ?? 0, to: toStrides[d] ?? 0 }))
    .filter(({ count }) => count > 1);
}

function coordinates(element: number, strides: readonly number[]): number[] {
  let rest = element;
  return strides.map((step) => {
    const at = Math.floor(rest / step);
    rest -= at * step;
    return at;
  });
}

/** Puts an axis of a piece on the axis with its step, and what reaches beyond that one on the axes outside it. */
function place(
  { count, from, to }: Dim,
  strides: readonly number[],
  extent: readonly number[],
  start: readonly number[],
  size: number[],
  sourceStrides: number[],
): void {
  let left = count;
  let step = from;
  for (let axis = strides.indexOf(to); left > 1; axis -= 1) {
    const room = extent[axis] ?? 0;
    const at = start[axis] ?? 0;
    const fits = at + left <= room;
    if (!fits && (at !== 0 || left % room !== 0)) {
      throw new TypeError(
        `${count} elements in steps of ${to} do not fill whole axes of ${extent.join(', ')}`,
      );
    }
    size[axis] = fits ? left : room;
    sourceStrides[axis] = step;
    step *= room;
    left = fits ? 1 : left / room;
  }
}
