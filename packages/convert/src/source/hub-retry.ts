import { setTimeout as sleep } from 'node:timers/promises';
import { NemotronError } from '@nemotron-convert/core';
import { Transient } from './hub-failure.js';
import type { RetryPolicy } from './hub-settings.js';

/** A server that asks for a longer pause is taken at its word by giving up. */
const MAX_WAIT_MS = 5 * 60 * 1000;

/** Repeats `attempt` while it fails with Transient; the last one becomes the error that it names. */
export async function retrying<T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let failures = 0; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      failures++;
      const wait = error.waitMs ?? policy.pauseMs * 2 ** (failures - 1) * (0.75 + Math.random() / 2);
      if (failures >= policy.attempts || wait > MAX_WAIT_MS) throw givenUp(error, failures);
      await sleep(wait, undefined, signal === undefined ? {} : { signal });
    }
  }
}

function givenUp(error: Transient, failures: number): NemotronError {
  const times = failures === 1 ? '' : ` (${failures} times)`;
  const wait =
    error.waitMs === undefined ? '' : `; it asks to wait ${Math.ceil(error.waitMs / 1000)} seconds`;
  return new NemotronError(error.code, `${error.message}${times}${wait}`, {
    facts: { attempts: failures, waitMs: error.waitMs },
    cause: error.cause,
  });
}
