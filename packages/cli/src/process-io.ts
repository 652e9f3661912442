import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Io, Output } from './io.js';

/** Without a terminal, text is laid out for this many columns. */
const PLAIN_COLUMNS = 80;

/** The steps shipped beside the package, or in the repository that it is built from. */
const STEPS = ['../steps', '../../../config/steps'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

/** The real world. */
export function processIo(): Io {
  return {
    env: process.env,
    cwd: process.cwd(),
    now: () => new Date(),
    out: output(process.stdout),
    err: output(process.stderr),
    stepsDir: STEPS.find((path) => existsSync(path)) ?? STEPS[0] ?? '',
    shell: async (command, env) => (await import('./shell.js')).shell(command, env),
    runStep: async (run, io) => (await import('./steps/run-step.js')).runStep(run, io),
    submit: async (submission, io) => (await import('./submit.js')).submit(submission, io),
  };
}

function output(stream: NodeJS.WriteStream): Output {
  return {
    write: (text) => {
      stream.write(text);
    },
    isTty: stream.isTTY === true,
    columns: stream.isTTY === true ? stream.columns : PLAIN_COLUMNS,
  };
}
