import { createHash } from 'node:crypto';
import { podCloneCommands } from './git-mounts.js';
import type { Job } from './job.js';
import { CODE_DIR } from './packed-files.js';
import type { ProfileValues, Resources } from './profile.js';
import { quote } from './quote.js';
import { workCommand } from './startup.js';

/** The variable that carries the training config. */
export const CONFIG_VARIABLE = '_NEMOTRON_CONFIG_B64';

export interface PodWork {
  readonly config: string;
  /** The variables that carry it, sent with the job. */
  readonly variables: readonly (readonly [string, string])[];
  /** Commands of a pod, each after the other has succeeded. */
  readonly commands: readonly string[];
  /** The directory on shared storage in which the tool keeps its own. */
  readonly home: string;
}

/** What every pod of a job runs: config, repositories, startup commands, then one process a rank. */
export function podWork(job: Job, values: ProfileValues, workspace: string, resources: Resources): PodWork {
  const home = `${workspace.replace(/\/+$/, '')}/_nemotron`;
  const digest = createHash('sha256').update(job.trainYaml).digest('hex').slice(0, 16);
  const config = `${home}/config-${digest}.yaml`;
  const work = workCommand(job, values, `${CODE_DIR}/`, config);
  const commands = [
    `mkdir -p ${quote(home)}`,
    // All pods write the same file: a rename keeps a half-written one from being read.
    `echo $${CONFIG_VARIABLE} | base64 -d > ${quote(config)}.$$ && mv ${quote(config)}.$$ ${quote(config)}`,
    `export ${CONFIG_VARIABLE}=`,
    ...values.texts('pip_extras').map((name) => `pip install -q ${quote(name)} 2>/dev/null || true`),
    ...podCloneCommands(job.mounts),
    ...values.texts('startup_commands'),
    `export PWD=${quote(home)}`,
    `cd ${quote(home)}`,
    ranksCommand(work, resources.nodes, ranksOf(values, resources)),
  ];
  const encoded = Buffer.from(job.trainYaml).toString('base64');
  return { config, variables: [[CONFIG_VARIABLE, encoded]], commands, home };
}

/** Ranks of a node. */
function ranksOf(values: ProfileValues, { gpusPerNode }: Resources): number {
  const ranks = values.count('nprocs_per_node') ?? values.count('ntasks_per_node') ?? gpusPerNode;
  return Math.max(ranks, 1);
}

/** Starts the ranks of a node; when one fails the others are stopped, and its code is the node's. */
export function ranksCommand(work: string, nodes: number, ranks: number): string {
  const world = nodes * ranks;
  if (world === 1) return work;
  const numbers = `export WORLD_SIZE=${world} LOCAL_RANK=$rank RANK=$(( \${NODE_RANK:-0} * ${ranks} + rank ))`;
  // `wait -n` does not tell of a rank that ended before it was called, hence the file with the first failure's code.
  const rank = `( ${numbers}; ( ${work} ) || { code=$?; echo $code >> "$failed"; exit $code; } )`;
  return [
    // Each rank in a process group of its own, which can be stopped with everything that it has started.
    'set -m; pids=""; code=0; failed=$(mktemp)',
    `for rank in $(seq 0 ${ranks - 1}); do ${rank} & pids="$pids $!"; done`,
    'while [ ! -s "$failed" ] && [ -n "$(jobs -r)" ]; do sleep 1; done',
    `if [ -s "$failed" ]; then kill -- $(printf -- '-%s ' $pids) 2>/dev/null; fi`,
    'for pid in $pids; do wait $pid || code=$?; done',
    'first=$(head -n 1 "$failed"); rm -f "$failed"',
    '( exit ${first:-$code} )',
  ].join('; ');
}

/** The script with the commands, run by bash in each pod. */
export function podScript(commands: readonly string[]): string {
  return `#!/bin/bash\n${commands.join(' && \\\n')}\n`;
}
