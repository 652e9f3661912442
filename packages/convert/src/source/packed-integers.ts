import { NemotronError } from '@nemotron-convert/core';
import type { SourceTensor } from './tensor.js';

/** Four-bit values of a 32-bit word. */
const VALUES = 8;
/** No dtype of safetensors: what a packed weight counts its elements in. */
export const INT4 = 'INT4';

/** A weight that the source holds as packed four-bit integers beside their scales: both as they are stored. */
export interface PackedIntegers extends SourceTensor {
  readonly packed: SourceTensor;
  readonly scale: SourceTensor;
  /** Values that share a scale. */
  readonly group: number;
}

export function isPackedIntegers(tensor: SourceTensor): tensor is PackedIntegers {
  return tensor.dtype === INT4;
}

const WORDS = /\.weight_packed$/;

/** The tensors that make a packed weight. */
export function partsOf({ name }: PackedIntegers): readonly string[] {
  return ['packed', 'scale', 'shape'].map((part) => `${name}_${part}`);
}

/**
 * The packed weight whose words a tensor holds; null where it holds none. Throws SOURCE_TENSOR_MISSING where it has no
 * scales, SOURCE_TENSOR_SHAPE where they do not divide its rows into equal groups.
 */
export function packedIntegers(
  name: string,
  packed: SourceTensor,
  tensors: ReadonlyMap<string, SourceTensor>,
): PackedIntegers | null {
  if (packed.dtype !== 'I32' || !WORDS.test(name)) return null;
  return whole(name.slice(0, -'_packed'.length), packed, tensors);
}

function whole(
  weight: string,
  packed: SourceTensor,
  tensors: ReadonlyMap<string, SourceTensor>,
): PackedIntegers {
  const scaleName = `${weight}_scale`;
  const scale = tensors.get(scaleName);
  if (scale === undefined) {
    throw new NemotronError(
      'SOURCE_TENSOR_MISSING',
      `${packed.name} holds four-bit integers, and the source has no ${scaleName}`,
      {
        facts: { tensor: scaleName, neededBy: packed.name },
        hint: 'packed weights mean nothing without their scales: download the missing file',
      },
    );
  }
  const [rows = 0, words = 0] = packed.shape;
  const [scaleRows = 0, groups = 0] = scale.shape;
  const columns = words * VALUES;
  const fits =
    packed.shape.length === 2 &&
    scale.shape.length === 2 &&
    scaleRows === rows &&
    groups > 0 &&
    columns % groups === 0;
  if (!fits) {
    throw new NemotronError(
      'SOURCE_TENSOR_SHAPE',
      `${packed.name} is [${packed.shape.join(', ')}] and ${scale.name} [${scale.shape.join(', ')}]: the scales do not divide rows of ${columns} values into equal groups`,
      { facts: { tensor: scale.name, packed: packed.shape, found: scale.shape } },
    );
  }
  return {
    ...packed,
    name: weight,
    dtype: INT4,
    shape: [rows, columns],
    packed,
    scale,
    group: columns / groups,
  };
}
