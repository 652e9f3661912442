import { NemotronError } from '@nemotron-convert/core';
import { MOVER_IMAGE } from './data-mover.js';
import type { Job } from './job.js';
import { podNameOf } from './names.js';
import { CODE_DIR, codeFiles, JOB_DIR } from './packed-files.js';
import { podScript, podWork } from './pod-script.js';
import { imageOf, jsonOf, ProfileValues, resourcesOf } from './profile.js';
import { quote } from './quote.js';
import type { TarEntry } from './tar.js';
import { launcher } from './tool.js';

/** A Lepton job, as far as the profile alone decides it. */
export interface LeptonPlan {
  readonly name: string;
  readonly dir: string;
  readonly nodeGroup: string | undefined;
  readonly files: readonly TarEntry[];
  readonly mounts: readonly unknown[];
  readonly spec: (affinity: unknown) => Record<string, unknown>;
}

const SHARED_MEMORY_MB = 65_536;
const MOVER_SECONDS = 600;

/** Reads a profile. Throws PROFILE_INVALID before anybody is called. */
export function planLepton(job: Job, version: string, unixtime: string): LeptonPlan {
  const values = new ProfileValues(job.runEnv);
  const runDir = values.required('nemo_run_dir', 'lepton').replace(/\/+$/, '');
  const mounts = mountsOf(values);
  const resources = resourcesOf(job, values);
  const workspace = values.text('workspace') ?? mounts[0]?.['mount_path'] ?? '/tmp';
  const work = podWork(job, values, String(workspace), resources);
  const name = podNameOf(job.stepId);
  const dir = `${runDir}/experiments/${name}/${name}_${unixtime}/${name}`;
  const script = `scripts/${name}.sh`;
  const launch = [
    '',
    ...values.texts('pre_launch_commands'),
    // The number of this pod among those of the job.
    'export NODE_RANK="$' + '{LEPTON_JOB_WORKER_INDEX:-0}"',
    `ln -s ${quote(`${dir}/`)} ${JOB_DIR}`,
    `cd ${CODE_DIR}`,
    `bash ${JOB_DIR}/${script}`,
    '',
  ].join('\n');
  const reservation = values.text('node_reservation');
  return {
    name,
    dir,
    nodeGroup: values.text('node_group'),
    mounts,
    files: [
      { path: 'launch_script.sh', text: launch },
      { path: script, text: podScript(work.commands) },
      ...codeFiles(job, job.trainYaml, launcher(version, undefined, work.home)).map((entry) => ({
        ...entry,
        path: `code/${entry.path}`,
      })),
    ],
    spec: (affinity) => ({
      resource_shape: values.text('resource_shape') ?? '',
      affinity,
      container: {
        image: imageOf(job, values) ?? '',
        command: ['/bin/bash', '-c', `bash ${quote(`${dir}/launch_script.sh`)}`],
      },
      shared_memory_size: values.count('shared_memory_size') ?? SHARED_MEMORY_MB,
      completions: resources.nodes,
      parallelism: resources.nodes,
      envs: [...environment(job, values), ...work.variables.map(([each, value]) => ({ name: each, value }))],
      mounts,
      image_pull_secrets: values.texts('image_pull_secrets'),
      intra_job_communication: true,
      ...(reservation === undefined ? {} : { reservation_config: { reservation_id: reservation } }),
    }),
  };
}

/** `{value_from = {secret_name_ref = "x"}}` in env_vars takes a secret of the workspace: its value is not sent. */
function environment(job: Job, values: ProfileValues): Record<string, unknown>[] {
  const own = values.map('env_vars');
  return [...job.variables].map(([name, value]) => {
    const given = own.get(name);
    return given instanceof Map ? { name, ...(jsonOf(given) as object) } : { name, value };
  });
}

function mountsOf(values: ProfileValues): Record<string, unknown>[] {
  return values.list('mounts').flatMap((mount) => {
    if (typeof mount === 'string' && mount.startsWith('__auto_mount__:')) return [];
    const table = mount instanceof Map ? (jsonOf(mount) as Record<string, unknown>) : undefined;
    if (table !== undefined && 'path' in table && 'mount_path' in table) return [table];
    throw new NemotronError('PROFILE_INVALID', "Must specify a 'path' and 'mount_path' for all mounts", {
      facts: { kind: 'RuntimeError', key: 'mounts' },
      hint: 'write mounts = [{path = "/…", mount_path = "/…", from = "…"}]',
    });
  });
}

/** The job that puts the files onto the shared storage. */
export function moverJob(plan: LeptonPlan, command: string, affinity: unknown, unixtime: string) {
  const name = `data-mover-${unixtime}`;
  return {
    metadata: { id: name, name, visibility: 'private' },
    spec: {
      resource_shape: 'cpu.small',
      affinity,
      container: { image: MOVER_IMAGE, command: ['sh', '-c', command] },
      completions: 1,
      parallelism: 1,
      envs: [],
      mounts: plan.mounts,
      image_pull_secrets: [],
      ttl_seconds_after_finished: MOVER_SECONDS,
    },
  };
}
