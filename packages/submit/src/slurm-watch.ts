import { setTimeout as sleep } from 'node:timers/promises';
import { NemotronError } from '@nemotron-convert/core';
import type { Context } from './job.js';
import { quote } from './quote.js';
import type { RemoteShell } from './remote-shell.js';
import type { SlurmPlan } from './slurm-plan.js';
import { EXIT_CODE, logFile } from './slurm-script.js';

const POLL_MS = 3000;
/** Log bytes of one look. */
const LOG_BYTES = 1024 * 1024;
/** A look that fails this often in a row ends the watch; the job goes on. */
const MAX_FAILURES = 10;
const MARK = '---nemotron---';
const NO_ANSWER = '---no answer---';
const ENDED = /^(?:COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|OUT_OF_MEMORY|BOOT_FAIL|DEADLINE|PREEMPTED)/;

interface Look {
  readonly state: string;
  readonly reason: string;
  readonly exitCode: number | undefined;
  readonly log: Buffer;
}

/**
 * Follows a job to its end: each look is one command that brings its state and the new part of its log, so a lost
 * connection costs nothing. Returns the exit code that the job left. Throws JOB_FAILED, JOB_LOST.
 */
export async function watchSlurm(
  plan: SlurmPlan,
  id: string,
  shell: RemoteShell,
  context: Context,
): Promise<number> {
  const decoder = new TextDecoder();
  let offset = 0;
  let failures = 0;
  let told = '';
  let wasSeen = false;
  for (;;) {
    const look = await lookAt(plan, id, offset, shell).catch((error: unknown) => {
      failures++;
      if (failures >= MAX_FAILURES || context.signal?.aborted) throw error;
      return undefined;
    });
    if (look !== undefined) {
      failures = 0;
      offset += look.log.length;
      const text = decoder.decode(look.log, { stream: true });
      if (text !== '') context.onEvent({ kind: 'log', text });
      const status = look.state === 'PENDING' ? `pending (${look.reason})` : look.state.toLowerCase();
      if (status !== told && status !== '')
        context.onEvent({ kind: 'note', message: `job ${id} is ${status}` });
      told = status;
      wasSeen ||= look.state !== '';
      const isOver = look.state === '' || ENDED.test(look.state);
      if (isOver && look.log.length === 0) return outcome(id, look, shell, wasSeen);
      if (isOver) continue;
    }
    await sleep(
      context.pollMs ?? POLL_MS,
      undefined,
      context.signal === undefined ? {} : { signal: context.signal },
    );
  }
}

async function lookAt(plan: SlurmPlan, id: string, offset: number, shell: RemoteShell): Promise<Look> {
  const log = quote(logFile(plan, id, '0'));
  const command = [
    // A controller that does not answer is no job that has ended.
    `{ seen=$(squeue -h -j ${quote(id)} -o '%T %r' 2>&1) || case $seen in *"Invalid job id"*) seen= ;; *) seen="${NO_ANSWER} $seen" ;; esac; }`,
    'printf "%s\\n" "$seen"',
    `echo ${MARK}`,
    `cat ${quote(`${plan.jobDir}/${EXIT_CODE}`)} 2>/dev/null`,
    `echo ${MARK}`,
    `tail -c +${offset + 1} ${log} 2>/dev/null | head -c ${LOG_BYTES}`,
  ].join('; ');
  const { raw } = await shell.run(command);
  const first = raw.indexOf(MARK);
  const second = raw.indexOf(MARK, first + 1);
  if (first < 0 || second < 0) throw new NemotronError('REMOTE_ANSWER', `${shell.name}: ${raw.toString()}`);
  const answer = raw.toString('utf8', 0, first).trim();
  if (answer.startsWith(NO_ANSWER)) {
    throw new NemotronError('REMOTE_ANSWER', `${shell.name}: ${answer.slice(NO_ANSWER.length).trim()}`);
  }
  const [state = '', reason = ''] = answer.split(' ');
  const exit = raw.toString('utf8', first + MARK.length, second).trim();
  return {
    state,
    reason,
    exitCode: /^\d+$/.test(exit) ? Number(exit) : undefined,
    log: raw.subarray(second + MARK.length + 1),
  };
}

async function outcome(id: string, look: Look, shell: RemoteShell, wasSeen: boolean): Promise<number> {
  if (look.exitCode !== undefined) return look.exitCode;
  // Killed before the script could leave its code: the controller still knows for a while.
  const { stdout } = await shell.run(
    `scontrol show job ${quote(id)} -o 2>/dev/null || sacct -n -X -P -j ${quote(id)} -o 'State' 2>/dev/null`,
  );
  const state = /JobState=(\w+)/.exec(stdout)?.[1] ?? /^(\w+)/.exec(stdout)?.[1] ?? look.state;
  if (state === 'COMPLETED') return 0;
  const known = state === '' ? (wasSeen ? 'ended' : 'is unknown to the cluster') : `ended as ${state}`;
  throw new NemotronError(state === '' ? 'JOB_LOST' : 'JOB_FAILED', `job ${id} ${known}`, {
    facts: { job: id, state },
  });
}
