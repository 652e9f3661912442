import { NemotronError } from '@nemotron-convert/core';
import { cachedClone } from './git-mounts.js';
import type { GitMount, Job } from './job.js';
import { squashName, titleOf } from './names.js';
import { imageOf, ProfileValues, resourcesOf } from './profile.js';
import type { ProfileKey } from './profile-keys.js';
import { type SplitVariables, splitVariables } from './secrets.js';

/** Everything that a Slurm job is made of, decided from the profile before anything is sent. */
export interface SlurmPlan {
  readonly title: string;
  readonly jobName: string;
  /** `remote_job_dir`: experiments, images, secrets, clones and copies of the tool lie below it. */
  readonly root: string;
  /** The directory of this submission, and in it the one that the job sees as /nemo_run. */
  readonly experiment: string;
  readonly jobDir: string;
  readonly script: string;
  /** Ranks of a node: one task each. */
  readonly ranks: number;
  readonly directives: ReadonlyMap<string, string | undefined>;
  /** The squash file and the image that it is made of; undefined without a container. */
  readonly image: { readonly squash: string; readonly source: string } | undefined;
  readonly containerMounts: readonly string[];
  readonly clones: readonly GitMount[];
  readonly variables: SplitVariables;
  readonly secretsFile: string;
  readonly setupLines: string | undefined;
  readonly startup: readonly string[];
  readonly salloc: readonly string[];
}

export interface SlurmNames {
  readonly unixtime: string;
  readonly uuid: string;
}

const AUTO_MOUNT = '__auto_mount__:';
const LUSTRE = '/lustre:/lustre';
const TIME = '04:00:00';

/** Reads a profile. Throws PROFILE_INVALID for what is missing, before anybody is called. */
export function planSlurm(job: Job, names: SlurmNames): SlurmPlan {
  const values = new ProfileValues(job.runEnv);
  const variables = splitVariables(job.variables);
  const root = rootOf(values, variables);
  const account = values.required('account', 'slurm');
  const { nodes, gpusPerNode } = resourcesOf(job, values);
  const ranks = values.count('ntasks_per_node') ?? (gpusPerNode || 1);
  const title = titleOf(job.stepId);
  const experiment = `${root}/${title}/${title}_${names.unixtime}`;
  const jobDir = `${experiment}/${title}`;
  const jobName = `${account}-${account.slice(account.lastIndexOf('_') + 1)}.${title}`;
  const image = imageOf(job, values);
  const squash = image === undefined || image.endsWith('.sqsh') ? image : `${root}/${squashName(image)}`;
  const special = values.text(job.detach ? 'batch_partition' : 'run_partition');
  const directives = new Map<string, string | undefined>([
    ['account', account],
    ['cpus-per-task', values.text('cpus_per_task')],
    ['exclusive', values.flag('exclusive') ? '' : undefined],
    ['gpus-per-node', gpusPerNode === 0 ? undefined : String(gpusPerNode)],
    ['job-name', jobName],
    ['mem', values.text('mem')],
    ['nodes', String(nodes)],
    ['ntasks-per-node', String(ranks)],
    ['open-mode', 'append'],
    ['output', `${jobDir}/sbatch_${jobName}_%j.out`],
    ['partition', special ?? values.text('partition')],
    ['time', values.text('time') ?? TIME],
  ]);
  return {
    title,
    jobName,
    root,
    experiment,
    jobDir,
    script: `${experiment}/${title}_sbatch.sh`,
    ranks,
    directives,
    image: image === undefined || squash === undefined ? undefined : { squash, source: image },
    containerMounts: mountsOf(job, values, root),
    clones: job.mounts.filter(({ target }) => Boolean(target)),
    variables,
    secretsFile: `${root}/.nemotron-secrets/${names.uuid}.env`,
    setupLines: values.text('setup_lines'),
    startup: values.texts('startup_commands'),
    salloc: sallocWords(job.runEnv, job.detach ? 'batch_partition' : 'run_partition'),
  };
}

function rootOf(values: ProfileValues, { secret }: SplitVariables): string {
  const root = values.text('remote_job_dir')?.replace(/\/+$/, '');
  if (root?.startsWith('/')) return root;
  const why =
    secret.length > 0
      ? 'to deliver Slurm secrets securely'
      : 'as the absolute directory of jobs on the cluster';
  throw new NemotronError('PROFILE_INVALID', `remote_job_dir is required ${why}`, {
    facts: { kind: 'ValueError', key: 'remote_job_dir' },
    hint: 'set remote_job_dir in the profile to a directory that all nodes share',
  });
}

function mountsOf(job: Job, values: ProfileValues, root: string): string[] {
  const clones = new Map(job.mounts.map((mount) => [mount.name, mount]));
  const mounts = values.texts('mounts').flatMap((text) => {
    if (!text.startsWith(AUTO_MOUNT)) return [text];
    const clone = clones.get(text.slice(AUTO_MOUNT.length));
    return clone?.target ? [`${cachedClone(root, clone)}:${clone.target}`] : [];
  });
  const lustre = values.optional('lustre_mount', LUSTRE);
  return [...mounts, ...(lustre === '' ? [] : [lustre]), `${root}/ray_temp:/ray-cluster`];
}

/** The words of the allocation that imports an image. */
export function sallocWords(runEnv: ReadonlyMap<unknown, unknown>, special?: ProfileKey): string[] {
  const values = new ProfileValues(runEnv);
  const partition =
    values.text('build_partition') ??
    (special === undefined ? undefined : values.text(special)) ??
    values.text('partition');
  const gpus = values.flag('build_include_gpus')
    ? (values.text('build_gpus_per_node') ?? values.text('gpus_per_node'))
    : undefined;
  const words: readonly (readonly [string, string | undefined])[] = [
    ['account', values.text('account')],
    ['partition', partition],
    ['nodes', '1'],
    ['ntasks-per-node', '1'],
    ['gpus-per-node', gpus],
    ['time', values.text('build_time') ?? values.text('time') ?? TIME],
  ];
  return words.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]));
}
