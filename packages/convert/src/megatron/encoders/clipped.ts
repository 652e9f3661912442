import type { Scope } from '../model.js';
import { torchLinear } from './torch.js';

/** Gemma4ClippableLinear of transformers: a linear layer, and where it clips the bounds of what it reads and writes. */
export function clippedLinear(
  scope: Scope,
  path: string,
  outputs: number,
  inputs: number,
  clipped: boolean,
): void {
  torchLinear(scope, `${path}.linear`, outputs, inputs, false);
  if (!clipped) return;
  for (const bound of ['input_min', 'input_max', 'output_min', 'output_max'])
    scope.param(`${path}.${bound}`, []);
}
