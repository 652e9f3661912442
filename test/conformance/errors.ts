import { ERRORS, NemotronError } from '@nemotron-convert/core';
import type { ExpectedError } from './case.js';

/** Names that mean the same here: PyYAML's scanner and parser split what one reader finds. */
const GROUPS: readonly (readonly string[])[] = [
  ['ScannerError', 'ParserError'],
  // Raised by the Python runtime where the value has the wrong type.
  ['ValueError', 'TypeError', 'AttributeError', 'ZeroDivisionError'],
];

/** Compares an error by its kind. The words are the project's own. */
export function errorDifference(expected: ExpectedError, error: unknown): string | undefined {
  if (!(error instanceof NemotronError)) return `unexpected ${String(error)}`;
  const kind = String(error.facts.kind);
  const group = GROUPS.find((names) => names.includes(expected.kind)) ?? [expected.kind];
  if (!group.includes(kind)) return `error: expected ${expected.kind}, found ${kind} (${error.message})`;
  if (error.code === 'INTERNAL') return `internal error: ${error.message}`;
  if (error.hint === '' && ERRORS[error.code].hint === '') return 'error without a hint';
  return undefined;
}

/** Runs and returns the error that is thrown, undefined when none is. */
export function thrown(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}
