import { ERRORS, NemotronError } from '@nemotron-convert/core';
import type { Paint } from './color.js';

/** `error[E0301]: message`, the place and its lines, and what to do about it. */
export function errorText(error: unknown, debug: boolean, paint: Paint): string {
  const known = error instanceof NemotronError ? error : unexpected(error);
  const { at, frame } = known.facts;
  const lines = [`${paint('red', `error[${known.id}]:`)} ${known.message}`];
  if (typeof at === 'string') lines.push(`  at ${at}`);
  if (typeof frame === 'string' && typeof at === 'string' && !at.startsWith('override ')) lines.push(frame);
  if (known.hint !== '') lines.push(`${paint('cyan', 'hint:')} ${known.hint}`);
  if (debug) lines.push(stackOf(error));
  return `${lines.join('\n')}\n`;
}

export function errorJson(error: unknown) {
  const known = error instanceof NemotronError ? error : unexpected(error);
  const { id, code, exit, message, hint, facts } = known;
  return { error: { id, code, title: ERRORS[code].title, message, hint, exit, facts } };
}

export function exitCode(error: unknown): number {
  return error instanceof NemotronError ? error.exit : ERRORS.INTERNAL.exit;
}

function unexpected(error: unknown): NemotronError {
  return new NemotronError('INTERNAL', error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}

function stackOf(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) parts.push(at.stack ?? at.message);
  return parts.join('\ncaused by: ');
}
