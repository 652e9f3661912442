import { NemotronError } from '@nemotron-convert/core';

/** Wrong usage: exit code 2. `command` is the one whose help shows the right one. */
export function usage(message: string, command: string): NemotronError {
  return new NemotronError('USAGE', message, {
    facts: { kind: 'UsageError', command },
    hint: `see \`${command} --help\``,
  });
}
