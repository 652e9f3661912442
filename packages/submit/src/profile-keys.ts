import type { Job } from './job.js';

/** A key of a profile in env.toml. */
export interface ProfileKeyRow {
  /** The executors that read it; none named: all of them. */
  readonly executors?: readonly Job['executor'][];
  readonly required?: boolean;
  /** What counts where it is absent, in words. */
  readonly default?: string;
  readonly doc: string;
}

const SLURM = ['slurm'] as const;
const LEPTON = ['lepton'] as const;
const DGXCLOUD = ['dgxcloud'] as const;
const PODS = ['lepton', 'dgxcloud'] as const;

/** Every key that a submission reads: `ProfileValues` takes no other, and docs/reference/profiles.md is made of them. */
export const PROFILE_KEYS = {
  account: {
    executors: SLURM,
    required: true,
    doc: 'Account of the job; it begins the name of the job, too',
  },
  app_id: { executors: DGXCLOUD, doc: 'The older name of client_id' },
  app_secret: { executors: DGXCLOUD, doc: 'The older name of client_secret' },
  base_url: { executors: DGXCLOUD, required: true, doc: 'Address of the REST API, up to /api/v1' },
  batch_partition: {
    executors: SLURM,
    default: 'partition',
    doc: 'Partition of jobs that are submitted with -b',
  },
  build_gpus_per_node: {
    executors: SLURM,
    default: 'gpus_per_node',
    doc: 'GPUs of the allocation that imports an image, with build_include_gpus',
  },
  build_include_gpus: {
    executors: SLURM,
    default: 'false',
    doc: 'Whether the allocation that imports an image asks for GPUs',
  },
  build_partition: {
    executors: SLURM,
    default: "the job's",
    doc: 'Partition of the allocation that imports an image',
  },
  build_time: {
    executors: SLURM,
    default: 'time',
    doc: 'Time limit of the allocation that imports an image',
  },
  client_id: { executors: DGXCLOUD, required: true, doc: 'Client id of the application, here or as app_id' },
  client_secret: { executors: DGXCLOUD, required: true, doc: 'Its secret; it is sent to the service only' },
  container: { default: "the step's", doc: 'The same as container_image, which is stronger' },
  container_image: { default: "the step's", doc: 'Image of the job; none runs without a container (Slurm)' },
  cpus_per_task: { executors: SLURM, doc: 'Processors of a task' },
  custom_spec: { executors: DGXCLOUD, doc: 'A table that is merged into the spec of the workload' },
  dgxcloud_max_args_chars: {
    executors: DGXCLOUD,
    default: '9500',
    doc: 'Longest argument of the pod that moves files',
  },
  distributed_framework: {
    executors: DGXCLOUD,
    default: 'PyTorch',
    doc: 'Kind of a workload of several nodes',
  },
  env_vars: {
    doc: 'Variables of the job. Names that sound secret travel apart; on Lepton {value_from = {secret_name_ref = "x"}} takes a secret of the workspace',
  },
  exclusive: { executors: SLURM, default: 'false', doc: 'Whether nodes are shared with no other job' },
  gpus_per_node: { default: "the step's", doc: 'GPUs of a node; conversions need none' },
  host: { executors: SLURM, default: 'localhost', doc: 'Login node, with tunnel = "ssh"' },
  identity: { executors: SLURM, doc: 'Key file of ssh' },
  image_pull_secrets: { executors: LEPTON, doc: 'Names of the secrets that the image is pulled with' },
  kube_apiserver_url: { executors: DGXCLOUD, required: true, doc: 'Address of the Kubernetes API, for logs' },
  lustre_mount: {
    executors: SLURM,
    default: '/lustre:/lustre',
    doc: 'A mount that every job gets; empty for none',
  },
  mem: { executors: SLURM, doc: 'Memory of a node' },
  mounts: {
    executors: ['slurm', 'lepton'],
    doc: 'Slurm: texts place:place-in-container. Lepton: tables {path, mount_path, from}',
  },
  nemo_run_dir: {
    executors: LEPTON,
    required: true,
    doc: 'Directory on the shared storage in which jobs lie',
  },
  node_group: { executors: LEPTON, doc: 'Node group that the job runs in' },
  node_reservation: { executors: LEPTON, doc: 'Reservation to use' },
  nodes: { default: "the step's", doc: 'Nodes of the job' },
  nprocs_per_node: { executors: PODS, default: 'ntasks_per_node', doc: 'Ranks of a node' },
  ntasks_per_node: { default: 'gpus_per_node, at least 1', doc: 'Ranks of a node' },
  partition: { executors: SLURM, doc: 'Partition of the job' },
  pip_extras: { executors: PODS, doc: 'Python packages that the pod installs first; conversions need none' },
  pre_launch_commands: { executors: LEPTON, doc: 'Commands of every pod before anything else' },
  project_name: { executors: DGXCLOUD, required: true, doc: 'Project that the workload belongs to' },
  pvc_nemo_run_dir: {
    executors: DGXCLOUD,
    required: true,
    doc: 'Directory on one of the volumes in which jobs lie',
  },
  pvcs: {
    executors: DGXCLOUD,
    required: true,
    doc: 'Volumes: tables {name, path, existingPvc, claimName}; one holds pvc_nemo_run_dir',
  },
  remote_job_dir: {
    executors: SLURM,
    required: true,
    doc: 'Absolute directory that all nodes share: jobs, images, clones, secrets and copies of the tool lie below it',
  },
  resource_shape: { executors: LEPTON, doc: 'Shape of a node, such as cpu.small' },
  run_command: { doc: 'Another command for a rank; {script} and {config} are filled in' },
  run_partition: {
    executors: SLURM,
    default: 'partition',
    doc: 'Partition of jobs that are submitted with -r',
  },
  setup_lines: { executors: SLURM, doc: 'Lines of the job script before everything else' },
  shared_memory_size: { executors: LEPTON, default: '65536', doc: 'Shared memory in MiB' },
  startup_commands: { doc: 'Commands before the work; all must succeed. They run for local jobs, too' },
  time: { executors: SLURM, default: '04:00:00', doc: 'Time limit' },
  tunnel: { executors: SLURM, doc: '"ssh" submits over ssh; without it sbatch is called here' },
  user: { executors: SLURM, doc: 'User on the login node' },
  workspace: {
    executors: PODS,
    default: 'the first mount',
    doc: "Directory on the shared storage for the tool's own files",
  },
} as const satisfies Record<string, ProfileKeyRow>;

export type ProfileKey = keyof typeof PROFILE_KEYS;
