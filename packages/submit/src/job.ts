/** A repository that a configuration asks for with `auto_mount`. */
export interface GitMount {
  readonly name: string;
  readonly url: string;
  readonly ref: string;
  readonly target: string | undefined;
}

/** A compiled job: what is run, and where. */
export interface Job {
  readonly executor: 'slurm' | 'lepton' | 'dgxcloud';
  /** Submit and return, instead of staying until the job ends. */
  readonly detach: boolean;
  /** Import the container image again. */
  readonly forceSquash: boolean;
  readonly stepId: string;
  readonly runspec: { readonly image: string | null; readonly nodes: number; readonly gpusPerNode: number };
  /** The resolved `run.env`: the profile's keys and the configuration's. */
  readonly runEnv: ReadonlyMap<unknown, unknown>;
  readonly mounts: readonly GitMount[];
  /** Variables for the job; names that sound secret are delivered as secrets. */
  readonly variables: ReadonlyMap<string, string>;
  /** The working directory: files of it that the config names are sent along. */
  readonly cwd: string;
  /** The training config, as the step will read it. */
  readonly trainYaml: string;
  /** Words for the step itself. */
  readonly words: readonly string[];
}

export type SubmitEvent =
  /** Something happened on the way: uploaded, submitted as 17, pending. */
  | { readonly kind: 'note'; readonly message: string }
  /** Output of the job. */
  | { readonly kind: 'log'; readonly text: string };

/** What a submission needs of the world. */
export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  readonly uuid: () => string;
  /** The version that the far side has to run. */
  readonly version: string;
  /** The directory of the installed `nemotron-convert` package, which is copied to the cluster. */
  readonly packageDir: string;
  /** The directory of the shipped steps. */
  readonly stepsDir: string;
  readonly onEvent: (event: SubmitEvent) => void;
  readonly signal?: AbortSignal | undefined;
  /** Pauses between two looks at a job; tests make them short. */
  readonly pollMs?: number | undefined;
  readonly retryMs?: number | undefined;
}

/** A submitted job. */
export interface Handle {
  readonly id: string;
  /** Waits for the end and reports the log as it grows; returns the job's exit code. Throws JOB_FAILED, JOB_LOST. */
  readonly wait: () => Promise<number>;
  readonly cancel: () => Promise<void>;
}

/** What would be sent, for a dry run. Secrets are named, never shown. */
export interface Rendering {
  /** Files by the place where they will lie. */
  readonly files: readonly { readonly path: string; readonly text: string }[];
  /** Commands on the login node, in order. */
  readonly commands: readonly string[];
  /** REST bodies, in order. */
  readonly requests: readonly { readonly method: string; readonly path: string; readonly body: unknown }[];
  readonly secrets: readonly string[];
}
