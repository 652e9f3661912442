import type { StoredTensor } from './tensors.js';

/** How many representable values the most different elements of two tensors of one floating dtype are apart. */
export function ulps(a: StoredTensor, b: StoredTensor): number {
  if (a.dtype !== b.dtype || a.bytes.length !== b.bytes.length) return Number.POSITIVE_INFINITY;
  const [x, y] = [ranks(a), ranks(b)];
  return x.reduce((most, rank, at) => Math.max(most, Math.abs(rank - (y[at] as number))), 0);
}

/** The places of the elements in the order of their dtype's values; both zeros have one. */
function ranks({ dtype, bytes }: StoredTensor): number[] {
  const bits = dtype === 'F32' ? 32 : 16;
  const sign = 2 ** (bits - 1);
  const size = bits / 8;
  return Array.from({ length: bytes.length / size }, (_, at) => {
    const raw = size === 4 ? bytes.readUInt32LE(at * 4) : bytes.readUInt16LE(at * 2);
    return raw >= sign ? sign - raw : raw;
  });
}
