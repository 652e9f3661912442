import {
  applyDotlist,
  type ConfigMap,
  compileJob,
  findConfig,
  loadFile,
  type MapNode,
  type ProfileFile,
  readProfile,
  readProfiles,
  readSection,
  resolveTree,
} from '@nemotron-convert/config';
import { NemotronError } from '@nemotron-convert/core';
import type { Io } from '../io.js';
import type { Manifest } from '../steps/manifest.js';
import type { Runspec } from '../steps/runspec.js';
import type { RunRequest } from './run-request.js';

/** A run that is ready to be shown or started. */
export interface CompiledRun {
  readonly request: RunRequest;
  readonly step: Manifest;
  readonly runspec: Runspec;
  readonly recipeName: string;
  readonly job: MapNode;
  /** The file of the step's default configuration. */
  readonly defaultConfig: string;
}

function profileEnv(file: ProfileFile, name: string, env: Io['env']): ConfigMap {
  return resolveTree(readProfile(file, name, env).tree, { env }).value as ConfigMap;
}

/** Loads the configuration, the profile and the overrides, and builds the job. Nothing is written. */
export function compileRun(request: RunRequest, step: Manifest, io: Io): CompiledRun {
  const { env, cwd } = io;
  const { runspec } = step;
  if (runspec === undefined) {
    throw new NemotronError('STEP_INVALID', `${step.path} has no [runspec]`, {
      facts: { kind: 'ValueError' },
    });
  }
  const config = request.config || runspec.defaultConfig;
  const loaded = loadFile(findConfig(config, { configDir: runspec.configDir, cwd }), { cwd, env });
  const merged = applyDotlist(loaded, request.dotlist, env);

  const file = readProfiles(cwd, env);
  const { mode, profile: name } = request;
  const profile =
    name === undefined
      ? undefined
      : { name, env: mode === 'local' ? undefined : profileEnv(file, name, env) };
  const recipeName = runspec.name ?? `steps/${step.id}`;
  const job = compileJob(
    {
      config: merged,
      mode: request.mode,
      profile,
      cli: { argv: request.argv, dotlist: request.dotlist, passthrough: request.passthrough, config },
      recipe: { name: recipeName, script: step.script },
      wandb: readSection(file, 'wandb', env),
      artifacts: readSection(file, 'artifacts', env),
    },
    env,
  );
  const defaultConfig = findConfig(runspec.defaultConfig, { configDir: runspec.configDir, cwd });
  return { request, step, runspec, recipeName, job, defaultConfig };
}
