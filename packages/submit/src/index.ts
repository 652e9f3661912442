import { renderDgxCloud, submitDgxCloud } from './dgxcloud.js';
import type { Context, Handle, Job, Rendering } from './job.js';
import { renderLepton, submitLepton } from './lepton.js';
import { renderSlurm, submitSlurm } from './slurm.js';

export { podCloneCommands } from './git-mounts.js';
export type { Context, GitMount, Handle, Job, Rendering, SubmitEvent } from './job.js';
export { squashName } from './names.js';
export { PROFILE_KEYS, type ProfileKey, type ProfileKeyRow } from './profile-keys.js';
export { sallocWords } from './slurm-plan.js';

interface Backend {
  readonly render: (job: Job, context: Context) => Rendering | Promise<Rendering>;
  readonly submit: (job: Job, context: Context) => Promise<Handle>;
}

const BACKENDS: Readonly<Record<Job['executor'], Backend>> = {
  dgxcloud: { render: renderDgxCloud, submit: submitDgxCloud },
  lepton: { render: renderLepton, submit: submitLepton },
  slurm: { render: renderSlurm, submit: submitSlurm },
};

/** What a submission would send, secrets by name only. Nobody is asked. Throws PROFILE_INVALID. */
export async function render(job: Job, context: Context): Promise<Rendering> {
  return BACKENDS[job.executor].render(job, context);
}

/** Submits a job. Throws PROFILE_INVALID, REMOTE_*, JOB_PREPARATION, JOB_REJECTED. */
export async function submit(job: Job, context: Context): Promise<Handle> {
  return BACKENDS[job.executor].submit(job, context);
}
