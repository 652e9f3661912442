import {
  type ConfigMap,
  type ConfigValue,
  type GitMount,
  type MapNode,
  plain,
  printYaml,
  pythonText,
  resolveRunEnv,
  runSection,
} from '@nemotron-convert/config';
import { NemotronError } from '@nemotron-convert/core';
import type { Io, Submission } from '../io.js';
import type { CompiledRun } from './compile.js';
import { jobVariables } from './variables.js';

export interface WrittenRun extends CompiledRun {
  readonly train: MapNode;
  readonly jobDirectory: string;
  readonly runEnv: { readonly value: ConfigMap; readonly mounts: readonly GitMount[] };
}

const REMOTE = ['slurm', 'lepton', 'dgxcloud'] as const;
const KNOWN = ['local', ...REMOTE].sort();

/** Starts a written run: here, or on the backend that `run.env.executor` names. Returns the exit code. */
export async function dispatch(run: WrittenRun, io: Io): Promise<number> {
  const { request, runEnv } = run;
  const variables = variablesOf(run, io);
  const remote = remoteExecutor(run);
  const startup = startupCommands(runEnv.value.get('startup_commands'));
  if (remote !== undefined) return io.submit(submissionOf(run, remote, variables, io), io);
  const env = { ...io.env, ...Object.fromEntries(variables) };
  for (const command of startup) {
    const code = await io.shell(command, env);
    if (code !== 0) return code;
  }
  const { train: config, defaultConfig } = run;
  const { passthrough: words, json, quiet, verbose } = request;
  const step = { id: run.step.id, config, defaultConfig, words, env, cwd: io.cwd };
  return io.runStep({ ...step, json, quiet, verbose }, io);
}

/** The job as its backend takes it; undefined when it runs here. */
export function submission(run: WrittenRun, io: Io): Submission | undefined {
  const remote = remoteExecutor(run);
  return remote === undefined ? undefined : submissionOf(run, remote, variablesOf(run, io), io);
}

function submissionOf(
  { request, step, recipeName, runspec, runEnv, train, jobDirectory }: WrittenRun,
  executor: Submission['executor'],
  variables: ReadonlyMap<string, string>,
  { cwd }: Io,
): Submission {
  return {
    executor,
    detach: request.mode === 'batch',
    forceSquash: request.forceSquash,
    stepId: step.id,
    recipeName,
    runspec,
    runEnv: runEnv.value,
    mounts: runEnv.mounts,
    variables,
    jobDirectory,
    cwd,
    trainYaml: printYaml(plain(train)),
    words: request.passthrough,
    quiet: request.quiet,
  };
}

function variablesOf(run: WrittenRun, { env }: Io): Map<string, string> {
  const wandb = runSection(run.job).get('wandb');
  return jobVariables({ runEnv: run.runEnv.value, wandb, recipeName: run.recipeName, env });
}

/** The keys of `run.env` that a run here reads. */
const READ_HERE = ['executor', 'remote_job_dir', 'startup_commands', 'env_vars'] as const;

/** `run.env` resolved. What only a cluster would need may stay unresolved where the run stays here. */
export function runEnvOf(run: CompiledRun, env: Io['env']): WrittenRun['runEnv'] {
  try {
    return resolveRunEnv(run.job, env);
  } catch (error) {
    const read = resolveRunEnv(run.job, env, READ_HERE);
    if (executorOf(read.value, run.request.mode !== 'local') === 'local') return read;
    throw error;
  }
}

function remoteExecutor({ request, runEnv }: WrittenRun): Submission['executor'] | undefined {
  const executor = executorOf(runEnv.value, request.mode !== 'local');
  return REMOTE.find((name) => name === executor);
}

function executorOf(runEnv: ConfigMap, hasProfile: boolean): string {
  const value = runEnv.get('executor') ?? null;
  if (value === null) {
    // A key without a value is a choice of none.
    if (!hasProfile && !runEnv.has('executor')) return 'local';
    throw invalid(
      'No executor selected. Pass --run <profile> / --batch <profile> or set executor in env.toml.',
    );
  }
  if (typeof value === 'string' && KNOWN.includes(value)) return value;
  throw invalid(`Unknown executor type: '${pythonText(value)}'. Known: ${KNOWN.join(', ')}`);
}

function startupCommands(value: ConfigValue | undefined): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid('startup_commands must be a list of strings');
  return value.map((command) => {
    if (typeof command === 'string') return command;
    throw invalid('startup_commands must be a list of strings');
  });
}

function invalid(message: string): NemotronError {
  return new NemotronError('EXECUTOR_INVALID', message, { facts: { kind: 'Exit' } });
}
