import type { Mode } from '@nemotron-convert/config';
import { NemotronError } from '@nemotron-convert/core';
import { FLAGS } from '../argv/flags.js';
import { modeOf, sortLateWords } from '../argv/late-words.js';
import { usage } from '../argv/usage.js';
import { parseWords } from '../argv/words.js';

export const RUN_COMMAND = 'nemotron steps run';

/** What `steps run` was asked to do. */
export interface RunRequest {
  readonly stepId: string;
  readonly config: string | undefined;
  readonly mode: Mode;
  readonly profile: string | undefined;
  readonly dryRun: boolean;
  readonly forceSquash: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** The words left after the flags, as they are recorded in the job. */
  readonly argv: readonly string[];
  readonly dotlist: readonly string[];
  readonly passthrough: readonly string[];
}

export function readRunRequest(words: readonly string[]): RunRequest {
  const early = parseWords(words, { command: RUN_COMMAND, flags: FLAGS.run, keepUnknown: true });
  const [stepId, ...rest] = early.rest;
  // As a word it reaches remote runs, too.
  const argv = early.switches.has('fresh') ? [...rest, 'fresh=true'] : rest;
  if (stepId === undefined) throw usage("Missing argument 'STEP_ID'.", RUN_COMMAND);
  const late = sortLateWords(argv);
  const run = late.run ?? early.values.get('run');
  const batch = late.batch ?? early.values.get('batch');
  if (run && batch) {
    throw new NemotronError('EXECUTOR_INVALID', '--run and --batch cannot both be set', {
      facts: { kind: 'Exit' },
      hint: 'use -r to stay attached, or -b to submit and return',
    });
  }
  return {
    stepId,
    config: late.config ?? early.values.get('config'),
    ...modeOf(run, batch),
    dryRun: late.dryRun || early.switches.has('dry-run'),
    forceSquash: late.forceSquash || early.switches.has('force-squash'),
    json: early.switches.has('json'),
    quiet: early.switches.has('quiet'),
    verbose: early.switches.has('verbose'),
    argv,
    dotlist: late.dotlist,
    passthrough: late.passthrough,
  };
}
