import { ERRORS, type ErrorCode, type Facts, NemotronError } from '@nemotron-convert/core';

/** Rebuilds the error that crossed as a JSON text of code, message and facts. */
export function fromBinding(thrown: unknown): Error {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  try {
    const { code, message, facts } = JSON.parse(text) as { code: string; message: string; facts: Facts };
    if (Object.hasOwn(ERRORS, code)) return new NemotronError(code as ErrorCode, message, { facts });
  } catch {
    // Not one of ours: argument errors of the binding layer arrive as plain text.
  }
  return new NemotronError('INTERNAL', text, { cause: thrown });
}

/** Awaits a call of the binding; what it throws becomes a NemotronError. */
export async function settled<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    throw thrown instanceof NemotronError ? thrown : fromBinding(thrown);
  }
}

/** Throws INTERRUPTED when a signal has fired already: the binding only hears of signals that fire later. */
export function throwIfStopped(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new NemotronError('INTERRUPTED', 'interrupted before it began');
}
