import type { Compiled } from './compiled.js';

/** One everywhere, from no tensor. */
export function ones(): Compiled {
  return { needs: [], boxes: [], fill: 'one' };
}
