import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConfigMap, type ConfigValue, type Environment, pythonText } from '@nemotron-convert/config';

export interface VariableInput {
  /** The resolved `run.env`. */
  readonly runEnv: ConfigMap;
  /** `run.wandb` of the job. */
  readonly wandb: ConfigValue | undefined;
  readonly recipeName: string;
  readonly env: Environment;
}

/** The variables that a job gets on top of its environment; later rules win over earlier ones. */
export function jobVariables({ runEnv, wandb, recipeName, env }: VariableInput): Map<string, string> {
  const variables = new Map<string, string>();
  const directory = runEnv.get('remote_job_dir');
  if (typeof directory === 'string' && directory !== '') {
    variables.set('NEMO_RUN_DIR', directory);
    variables.set('HF_HOME', env.HF_HOME || `${directory}/hf`);
  } else if (env.HF_HOME !== undefined && env.HF_HOME !== '') variables.set('HF_HOME', env.HF_HOME);
  const token = huggingFaceToken(env);
  if (token !== undefined) variables.set('HF_TOKEN', token);
  if (wandb instanceof Map)
    for (const [name, value] of wandbVariables(wandb, recipeName)) variables.set(name, value);
  const own = runEnv.get('env_vars');
  if (own instanceof Map) for (const [name, value] of own) variables.set(String(name), pythonText(value));
  return variables;
}

/** The token of `hf auth login`: the variable, or the token file of the Hugging Face home. */
function huggingFaceToken(env: Environment): string | undefined {
  if (env.HF_TOKEN) return env.HF_TOKEN;
  const home = env.HF_HOME ?? (env.HOME === undefined ? undefined : join(env.HOME, '.cache', 'huggingface'));
  const file = env.HF_TOKEN_PATH ?? (home === undefined ? undefined : join(home, 'token'));
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    // Not logged in.
    return undefined;
  }
}

function wandbVariables(wandb: ConfigMap, recipeName: string): Map<string, string> {
  const variables = new Map<string, string>();
  const set = (name: string, value: ConfigValue | undefined) => {
    if (value === undefined || value === null || value === '') return;
    variables.set(
      name,
      Array.isArray(value) ? value.map((item) => pythonText(item)).join(',') : pythonText(value),
    );
  };
  set('WANDB_ENTITY', wandb.get('entity'));
  set('WANDB_PROJECT', wandb.get('project'));
  if (variables.has('WANDB_PROJECT')) {
    variables.set('WANDB_ENABLED', 'true');
    variables.set('WANDB_JOB_TYPE', recipeName);
    variables.set('WANDB_NAME', recipeName.replaceAll('/', '-'));
  }
  set('WANDB_NAME', wandb.get('run_name') ?? wandb.get('name'));
  set('WANDB_GROUP', wandb.get('group'));
  set('WANDB_JOB_TYPE', wandb.get('job_type'));
  set('WANDB_TAGS', wandb.get('tags'));
  return variables;
}
