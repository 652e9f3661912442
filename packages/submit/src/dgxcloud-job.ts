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

export interface DgxCloudPlan {
  readonly name: string;
  readonly dir: string;
  readonly baseUrl: string;
  readonly kubeUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly project: string;
  readonly files: readonly TarEntry[];
  readonly maxArgsChars: number;
  readonly pvcs: unknown;
  /** `trainings` for one node, `distributed` for more. */
  readonly kind: 'trainings' | 'distributed';
  readonly spec: Record<string, unknown>;
}

const MAX_ARGS_CHARS = 9500;

/** Reads a profile. Throws PROFILE_INVALID before anybody is called. */
export function planDgxCloud(job: Job, version: string, unixtime: string): DgxCloudPlan {
  const values = new ProfileValues(job.runEnv);
  const baseUrl = values.required('base_url', 'dgxcloud');
  const kubeUrl = values.required('kube_apiserver_url', 'dgxcloud');
  const clientId =
    values.text('client_id') ?? values.text('app_id') ?? values.required('client_id', 'dgxcloud');
  const clientSecret =
    values.text('client_secret') ?? values.text('app_secret') ?? values.required('client_secret', 'dgxcloud');
  const project = values.required('project_name', 'dgxcloud');
  const runDir = values.required('pvc_nemo_run_dir', 'dgxcloud').replace(/\/+$/, '');
  const pvcs = values.list('pvcs').map((pvc) => jsonOf(pvc) as Record<string, unknown>);
  if (!pvcs.some(({ path }) => typeof path === 'string' && isInside(runDir, path))) {
    throw new NemotronError(
      'PROFILE_INVALID',
      `Need to specify at least one PVC containing ${runDir}. Update your PVC path or pvc_nemo_run_dir.`,
      { facts: { kind: 'AssertionError', key: 'pvcs' } },
    );
  }
  const resources = resourcesOf(job, values);
  const workspace = values.text('workspace') ?? String(pvcs[0]?.['path'] ?? '/tmp');
  const work = podWork(job, values, workspace, resources);
  const name = podNameOf(job.stepId);
  const dir = `${runDir}/experiments/${name}/${name}_${unixtime}/${name}`;
  const environment = [...job.variables, ...work.variables].map(([each, value]) => ({ name: each, value }));
  return {
    name,
    dir,
    baseUrl,
    kubeUrl,
    clientId,
    clientSecret,
    project,
    files: [
      { path: 'launch_script.sh', text: launchScript(dir) },
      { path: 'torchrun_job.sh', text: jobScript(`${JOB_DIR}/scripts/${name}.sh`) },
      { path: `scripts/${name}.sh`, text: podScript(work.commands) },
      ...codeFiles(job, job.trainYaml, launcher(version, undefined, work.home)).map((entry) => ({
        ...entry,
        path: `code/${entry.path}`,
      })),
    ],
    maxArgsChars: values.count('dgxcloud_max_args_chars') ?? MAX_ARGS_CHARS,
    pvcs,
    kind: resources.nodes > 1 ? 'distributed' : 'trainings',
    spec: {
      command: `/bin/bash ${quote(`${dir}/launch_script.sh`)}`,
      image: imageOf(job, values) ?? '',
      compute: { gpuDevicesRequest: resources.gpusPerNode, largeShmRequest: true },
      storage: { pvc: pvcs },
      environmentVariables: environment,
      ...(jsonOf(values.map('custom_spec')) as object),
      ...(resources.nodes > 1
        ? {
            distributedFramework: values.text('distributed_framework') ?? 'PyTorch',
            minReplicas: resources.nodes,
            maxReplicas: resources.nodes,
            numWorkers: resources.nodes,
          }
        : {}),
    },
  };
}

function isInside(path: string, parent: string): boolean {
  const top = parent.replace(/\/+$/, '');
  return path === top || path.startsWith(`${top}/`);
}

function launchScript(dir: string): string {
  const at = quote(dir);
  return [
    '',
    `ln -s ${at}/ ${JOB_DIR}`,
    `cd ${CODE_DIR}`,
    `mkdir -p ${at}/logs`,
    'set -o pipefail',
    `bash ${at}/torchrun_job.sh 2>&1 | tee -a ${at}/log_$HOSTNAME.out ${at}/log-allranks_0.out`,
    '',
  ].join('\n');
}

/** The variables are those of the pod; writing them into a file of the shared storage would show the secrets. */
function jobScript(script: string): string {
  return [
    '#!/bin/bash',
    '',
    'export PYTHONUNBUFFERED=1',
    'export TORCHX_MAX_RETRIES=0',
    "export GROUP_RANK=$(echo $HOSTNAME | grep -oE '[0-9]+$')",
    'export NODE_RANK="$' + '{NODE_RANK:-$' + '{RANK:-$' + '{GROUP_RANK:-0}}}"',
    '',
    'echo "Starting training command..."',
    '',
    `bash ${script}`,
    '',
    'exitcode=$?',
    '',
    'echo "Main command exited with code $exitcode"',
    '',
    'exit $exitcode',
    '',
  ].join('\n');
}

/** The workspace that puts the files onto the volume. */
export function moverWorkload(
  plan: DgxCloudPlan,
  command: string,
  place: { projectId: string; clusterId: string },
) {
  return {
    name: 'data-mover',
    useGivenNameAsPrefix: true,
    ...place,
    spec: { command: 'sh -c', args: quote(command), image: MOVER_IMAGE, storage: { pvc: plan.pvcs } },
  };
}

export function workload(plan: DgxCloudPlan, place: { projectId: string; clusterId: string }) {
  return { name: plan.name, useGivenNameAsPrefix: true, ...place, spec: plan.spec };
}
