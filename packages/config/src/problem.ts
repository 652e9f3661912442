import { type ErrorCode, NemotronError } from '@nemotron-convert/core';
import { codeFrame, describeOrigin, type Origin } from './origin.js';

export interface ProblemOptions {
  readonly hint?: string;
  readonly cause?: unknown;
  readonly origin?: Origin | undefined;
  /** The full key of the value concerned, as `run.env.mounts[0]`. */
  readonly key?: string | undefined;
}

/** The kinds of configuration errors, by the names that OmegaConf and PyYAML give them: programs tell them apart by these. */
export type ProblemKind =
  | 'FileNotFoundError'
  | 'IsADirectoryError'
  | 'UnicodeDecodeError'
  | 'OSError'
  | 'ReaderError'
  | 'ScannerError'
  | 'ParserError'
  | 'ComposerError'
  | 'ConstructorError'
  | 'KeyValidationError'
  | 'UnsupportedValueType'
  | 'GrammarParseError'
  | 'ConfigTypeError'
  | 'InterpolationKeyError'
  | 'InterpolationResolutionError'
  | 'InterpolationToMissingValueError'
  | 'UnsupportedInterpolationType'
  | 'TOMLDecodeError'
  | 'TypeError'
  | 'AttributeError'
  | 'ValueError';

/** A configuration error: `facts` name its kind, key and place; `facts.frame` shows the lines. */
export function problem(
  code: ErrorCode,
  kind: ProblemKind,
  message: string,
  options: ProblemOptions = {},
): NemotronError {
  const { origin, key, hint, cause } = options;
  const where = origin === undefined ? {} : { at: describeOrigin(origin), frame: codeFrame(origin) };
  return new NemotronError(code, message, {
    facts: { kind, ...(key === undefined ? {} : { key }), ...where },
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The kind of a configuration error, undefined for any other error. */
export function problemKind(error: unknown): string | undefined {
  if (!(error instanceof NemotronError)) return undefined;
  return typeof error.facts.kind === 'string' ? error.facts.kind : undefined;
}
