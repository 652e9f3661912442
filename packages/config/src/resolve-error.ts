import type { ProblemKind } from './problem.js';

/** A failed interpolation before it is known which value it belongs to. */
export class ResolveError extends Error {
  constructor(
    readonly kind: ProblemKind,
    message: string,
    readonly hint?: string,
  ) {
    super(message);
    this.name = 'ResolveError';
  }
}

/** A failure inside a resolver or a path: reported as a failed interpolation, as OmegaConf wraps exceptions. */
export function failed(message: string, hint?: string): ResolveError {
  return new ResolveError('InterpolationResolutionError', message, hint);
}
