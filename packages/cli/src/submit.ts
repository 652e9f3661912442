import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { NemotronError } from '@nemotron-convert/core';
import { type Context, type Handle, type Rendering, render, submit as send } from '@nemotron-convert/submit';
import type { Io, Submission } from './io.js';
import { VERSION } from './version.js';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** Submits a job. Detached it returns at once; attached it streams the log and returns the job's exit code. */
export async function submit(submission: Submission, io: Io): Promise<number> {
  const controller = new AbortController();
  const handle = await send(submission, contextOf(submission, io, controller.signal));
  if (submission.detach) {
    io.out.write(`${handle.id}\n`);
    return 0;
  }
  const code = await attached(handle, controller, io);
  if (code !== 0) io.err.write(`job ${handle.id} failed with exit code ${code}\n`);
  return code;
}

/** What would be sent. */
export function renderSubmission(submission: Submission, io: Io): Promise<Rendering> {
  return render(submission, contextOf(submission, io, undefined));
}

function contextOf({ quiet }: Submission, io: Io, signal: AbortSignal | undefined): Context {
  return {
    env: io.env,
    now: io.now,
    uuid: randomUUID,
    version: VERSION,
    packageDir: PACKAGE,
    stepsDir: io.stepsDir,
    signal,
    onEvent: (event) => {
      if (event.kind === 'log') io.out.write(event.text);
      else if (!quiet) io.err.write(`${event.message}\n`);
    },
  };
}

/** Stays until the job ends. Ctrl-C leaves, and asks on a terminal whether the job shall end too. */
async function attached(handle: Handle, controller: AbortController, io: Io): Promise<number> {
  let received: NodeJS.Signals | undefined;
  const leave = (signal: NodeJS.Signals) => {
    received ??= signal;
    controller.abort();
  };
  process.on('SIGINT', leave).on('SIGTERM', leave);
  try {
    return await handle.wait();
  } catch (cause) {
    if (received === undefined) throw cause;
    const isCancelled = received === 'SIGINT' && io.err.isTty && (await wantsCancel(handle.id));
    if (isCancelled) await handle.cancel();
    throw new NemotronError(
      received === 'SIGTERM' ? 'TERMINATED' : 'INTERRUPTED',
      isCancelled ? `job ${handle.id} is cancelled` : `job ${handle.id} goes on without us`,
      { cause, hint: isCancelled ? '' : 'look for it with the tools of the cluster' },
    );
  } finally {
    process.off('SIGINT', leave).off('SIGTERM', leave);
  }
}

async function wantsCancel(id: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // A second Ctrl-C closes the question, which answers no.
    const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    const answer = await Promise.race([terminal.question(`\nCancel job ${id} as well? [y/N] `), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
