import type { Io, StepRun, Submission } from '../../../packages/cli/src/index.js';
import type { Case } from '../case.js';
import type { Place } from '../world.js';

/** What a run would have started. */
export interface Started {
  readonly shell: string[];
  readonly steps: StepRun[];
  readonly submissions: Submission[];
}

export interface TestIo extends Io {
  readonly started: Started;
  readonly text: { out: string; err: string };
}

/** The clock stands still. */
export const NOW = new Date(2026, 0, 2, 3, 4, 5);
export const TIMESTAMP = '20260102-030405';

/** A world that records what is written and started; children return the recorded exit code. */
export function testIo(recorded: Case, place: Place): TestIo {
  const text = { out: '', err: '' };
  const started: Started = { shell: [], steps: [], submissions: [] };
  const columns = recorded.columns ?? 80;
  const output = (name: 'out' | 'err') => ({
    write: (part: string) => {
      text[name] += part;
    },
    isTty: false,
    columns,
  });
  return {
    env: place.env(recorded),
    cwd: place.cwd,
    now: () => NOW,
    out: output('out'),
    err: output('err'),
    stepsDir: place.steps,
    shell: async (command) => {
      started.shell.push(command);
      return 0;
    },
    runStep: async (run) => {
      started.steps.push(run);
      const code = recorded.child_rc ?? 0;
      return code < 0 ? 256 + code : code;
    },
    submit: async (submission) => {
      started.submissions.push(submission);
      return 0;
    },
    started,
    text,
  };
}
