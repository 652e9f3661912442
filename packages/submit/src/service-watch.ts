import { setTimeout as sleep } from 'node:timers/promises';
import { NemotronError } from '@nemotron-convert/core';
import type { Context } from './job.js';

const POLL_MS = 5000;

/** How the states of a service end a job. */
export interface States {
  readonly done: readonly string[];
  readonly failed: readonly string[];
}

export interface Watched {
  readonly name: string;
  readonly states: States;
  readonly stateOf: () => Promise<string>;
  /** Output from the character on; undefined where the service has none yet. */
  readonly logFrom?: (offset: number) => Promise<string | undefined>;
}

/** Follows a job of a service to its end. Returns 0; throws JOB_FAILED, or what a look at it throws. */
export async function watchService(watched: Watched, context: Context): Promise<number> {
  let told = '';
  let offset = 0;
  for (;;) {
    const state = await watched.stateOf();
    if (state !== told)
      context.onEvent({ kind: 'note', message: `${watched.name} is ${state.toLowerCase()}` });
    told = state;
    // A log that cannot be read now is no reason to lose sight of the job.
    const text = (await watched.logFrom?.(offset).catch(() => undefined)) ?? '';
    offset += text.length;
    if (text !== '') context.onEvent({ kind: 'log', text });
    if (watched.states.done.includes(state)) return 0;
    if (watched.states.failed.includes(state)) {
      throw new NemotronError('JOB_FAILED', `${watched.name} ended as ${state}`, {
        facts: { job: watched.name, state },
      });
    }
    await sleep(
      context.pollMs ?? POLL_MS,
      undefined,
      context.signal === undefined ? {} : { signal: context.signal },
    );
  }
}
