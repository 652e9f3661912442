import type { ConfigMap, Environment, GitMount, MapNode } from '@nemotron-convert/config';
import type { Runspec } from './steps/runspec.js';

/** What a command needs of the world. Tests give their own. */
export interface Io {
  readonly env: Environment;
  readonly cwd: string;
  readonly now: () => Date;
  readonly out: Output;
  readonly err: Output;
  /** The directory of the steps. */
  readonly stepsDir: string;
  /** Runs a shell command with these variables and returns its exit code. */
  readonly shell: (command: string, env: Environment) => Promise<number>;
  /** Runs the work of a step here; returns the exit code. */
  readonly runStep: RunStep;
  readonly submit: Submit;
}

export interface Output {
  readonly write: (text: string) => void;
  readonly isTty: boolean;
  readonly columns: number;
}

export interface StepRun {
  readonly id: string;
  /** The training config with origins; interpolations are resolved with `env`. */
  readonly config: MapNode;
  /** The shipped default configuration: a size that only it sets was not chosen by anyone. */
  readonly defaultConfig: string;
  /** Words for the step itself, in its own grammar. */
  readonly words: readonly string[];
  readonly env: Environment;
  readonly cwd: string;
  readonly json: boolean;
  readonly quiet: boolean;
  /** Tell also what was decided without being asked. */
  readonly verbose: boolean;
}
export type RunStep = (run: StepRun, io: Io) => Promise<number>;

/** A job ready for a remote backend. */
export interface Submission {
  readonly executor: 'slurm' | 'lepton' | 'dgxcloud';
  readonly detach: boolean;
  readonly forceSquash: boolean;
  readonly stepId: string;
  readonly recipeName: string;
  readonly runspec: Runspec;
  /** The resolved `run.env`. */
  readonly runEnv: ConfigMap;
  readonly mounts: readonly GitMount[];
  /** Variables for the job. */
  readonly variables: ReadonlyMap<string, string>;
  readonly jobDirectory: string;
  /** The working directory: files of it that the config names are sent along. */
  readonly cwd: string;
  readonly trainYaml: string;
  readonly words: readonly string[];
  readonly quiet: boolean;
}
export type Submit = (submission: Submission, io: Io) => Promise<number>;
