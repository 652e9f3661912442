import { DTYPES, memo } from '@nemotron-convert/core';
import { product } from '../box.js';
import type { SourceTensor } from '../source/tensor.js';
import type { Mapped } from './collect.js';

/** Source tensors that are stored in another dtype than they came in. */
export interface Cast {
  /** safetensors name. */
  readonly from: string;
  /** torch name. */
  readonly to: string;
  readonly tensors: readonly string[];
}

/** A tensor of the checkpoint with elements that no source has; they are zero. */
export interface Pad {
  readonly key: string;
  readonly shape: readonly number[];
  /** Elements that are zero. */
  readonly elements: number;
}

export interface Changes {
  readonly casts: readonly Cast[];
  readonly pads: readonly Pad[];
}

const TORCH = new Map(DTYPES.map((row) => [row.safetensors as string, row.torch as string]));

/** What the checkpoint has otherwise than the source, beyond names and places. */
export function changesOf(mapped: readonly Mapped[]): Changes {
  const casts = new Map<string, { from: string; to: string; tensors: string[] }>();
  const pads: Pad[] = [];
  const covered = new Map<Mapped['boxes'], Covered>();
  for (const { param, dtype, tensors, boxes } of mapped) {
    const { sources, elements } = memo(covered, boxes, () => coveredBy(boxes));
    // Scales are read, too, but no element of the checkpoint is one of theirs.
    for (const source of sources) {
      const tensor = tensors[source] as SourceTensor;
      if (TORCH.get(tensor.dtype) === dtype) continue;
      const pair = `${tensor.dtype} ${dtype}`;
      const known = casts.get(pair) ?? { from: tensor.dtype, to: dtype, tensors: [] };
      casts.set(pair, known);
      known.tensors.push(tensor.name);
    }
    const missing = product(param.shape) - elements;
    if (missing > 0) pads.push({ key: param.key, shape: param.shape, elements: missing });
  }
  for (const cast of casts.values()) cast.tensors = [...new Set(cast.tensors)];
  return { casts: [...casts.values()], pads };
}

/** The sources of boxes, and how many elements these fill. */
interface Covered {
  readonly sources: readonly number[];
  readonly elements: number;
}

function coveredBy(boxes: Mapped['boxes']): Covered {
  return {
    sources: [...new Set(boxes.map(({ source }) => source))].sort((a, b) => a - b),
    elements: boxes.reduce((sum, { size }) => sum + product(size), 0),
  };
}
