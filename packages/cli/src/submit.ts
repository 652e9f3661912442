import { NemotronError } from '@nemotron-convert/core';
import type { Submission } from './io.js';

/** Hands a compiled job to its backend. Throws SUBMIT_UNAVAILABLE. */
export async function submit({ executor, jobDirectory }: Submission): Promise<number> {
  throw new NemotronError('SUBMIT_UNAVAILABLE', `this version cannot submit to ${executor}`, {
    facts: { kind: 'Exit', executor, jobDirectory },
    hint: `the job was compiled to ${jobDirectory}; run without -r and -b to convert here`,
  });
}
