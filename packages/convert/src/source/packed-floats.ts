import type { SourceTensor } from './tensor.js';

/** No dtype of safetensors: that of four-bit floats in a matrix of bytes, whose shape counts the values. */
export const PACKED = 'MXFP4';
/** Values that share a scale. */
const GROUP = 32;
const BYTES = new Set(['U8', 'I8']);
const EXPONENTS = new Set(['U8', 'F8_E8M0']);

/** The names of packed matrices and of their scales, by the writer: compressed-tensors, and DeepSeek V4's authors. */
const NAMES: readonly (readonly [packed: RegExp, scale: string])[] = [
  [/\.weight_packed$/, '.weight_scale'],
  [/\.weight$/, '.scale'],
];

/**
 * A tensor as a matrix of MXFP4 (two four-bit floats a byte, a power of two for every 32) under its weight's name, with the
 * dtype and the shape of its values; null where it is none.
 */
export function packedFloats(
  name: string,
  { dtype, shape, ...rest }: SourceTensor,
  tensors: ReadonlyMap<string, SourceTensor>,
): SourceTensor | null {
  if (!BYTES.has(dtype) || shape.length !== 2) return null;
  const [rows = 0, bytes = 0] = shape;
  for (const [pattern, suffix] of NAMES) {
    if (!pattern.test(name)) continue;
    const scale = tensors.get(name.replace(pattern, suffix));
    if (scale === undefined || !EXPONENTS.has(scale.dtype)) continue;
    if (scale.shape.length !== 2 || scale.shape[0] !== rows || scale.shape[1] !== (2 * bytes) / GROUP)
      continue;
    return { ...rest, name: name.replace(pattern, '.weight'), dtype: PACKED, shape: [rows, 2 * bytes] };
  }
  return null;
}
