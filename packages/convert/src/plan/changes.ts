import { DTYPES } from '@nemotron-convert/core';
import { product } from './box.js';
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
  for (const { param, dtype, tensors, boxes } of mapped) {
    const used = new Set(boxes.map(({ source }) => source));
    for (const [at, tensor] of tensors.entries()) {
      // Scales are read, too, but no element of the checkpoint is one of theirs.
      if (!used.has(at) || TORCH.get(tensor.dtype) === dtype) continue;
      const pair = `${tensor.dtype} ${dtype}`;
      const known = casts.get(pair) ?? { from: tensor.dtype, to: dtype, tensors: [] };
      casts.set(pair, known);
      known.tensors.push(tensor.name);
    }
    const missing = product(param.shape) - boxes.reduce((sum, { size }) => sum + product(size), 0);
    if (missing > 0) pads.push({ key: param.key, shape: param.shape, elements: missing });
  }
  for (const cast of casts.values()) cast.tensors = [...new Set(cast.tensors)];
  return { casts: [...casts.values()], pads };
}
