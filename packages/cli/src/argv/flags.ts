/** A flag of a command. */
export interface Flag {
  readonly name: string;
  readonly short?: string;
  /** What a value is called; a switch has none. */
  readonly value?: string;
  readonly doc: string;
  /** What completion offers for the value. */
  readonly complete?: 'file' | 'profile' | 'category' | 'artifact' | 'tag';
}

const HELP: Flag = { name: 'help', short: 'h', doc: 'Show this help' };
const JSON_FLAG: Flag = { name: 'json', doc: 'Print JSON' };

/** The flags that say how a step is run; the root command accepts them too, without effect. */
const RUN_FLAGS: readonly Flag[] = [
  {
    name: 'config',
    short: 'c',
    value: 'NAME',
    doc: 'Configuration: a name of the step, or a path with a slash or ending in .yaml, .yml',
    complete: 'file',
  },
  {
    name: 'run',
    short: 'r',
    value: 'PROFILE',
    doc: 'Run on the backend of an env.toml profile and stay attached',
    complete: 'profile',
  },
  {
    name: 'batch',
    short: 'b',
    value: 'PROFILE',
    doc: 'Submit to the backend of an env.toml profile and return',
    complete: 'profile',
  },
  { name: 'dry-run', short: 'd', doc: 'Print what would run; write and start nothing' },
  { name: 'force-squash', doc: 'Import the container image anew (Slurm)' },
];

/** Flags by command; parsing, help and completion derive from here. */
export const FLAGS = {
  root: [...RUN_FLAGS, { name: 'version', doc: 'Print the version' }, HELP],
  group: [HELP],
  list: [
    { name: 'category', value: 'NAME', doc: 'Only steps of this category', complete: 'category' },
    { name: 'consumes', value: 'TYPE', doc: 'Only steps that take this artifact', complete: 'artifact' },
    { name: 'produces', value: 'TYPE', doc: 'Only steps that make this artifact', complete: 'artifact' },
    { name: 'tag', value: 'TAG', doc: 'Only steps with this tag', complete: 'tag' },
    { name: 'tree', doc: 'Group by category' },
    JSON_FLAG,
    HELP,
  ],
  show: [
    {
      name: 'config',
      short: 'c',
      doc: 'Show a configuration instead, resolved, with where each value comes from; NAME as for steps run -c',
    },
    JSON_FLAG,
    HELP,
  ],
  run: [
    ...RUN_FLAGS,
    { name: 'fresh', doc: 'Discard what an interrupted run left, as fresh=true does' },
    { name: 'json', doc: 'Print JSON: the plan with -d, otherwise the report' },
    { name: 'quiet', doc: 'Print errors only' },
    { name: 'verbose', doc: 'Say what computed, and why' },
    HELP,
  ],
  plan: [
    {
      name: 'config',
      short: 'c',
      value: 'NAME',
      doc: 'Configuration: a name of the step, or a path with a slash or ending in .yaml, .yml',
      complete: 'file',
    },
    { name: 'verbose', doc: 'List the tensors behind the counts' },
    JSON_FLAG,
    HELP,
  ],
  bulk: [
    { name: 'dry-run', short: 'd', doc: 'Print what would be converted; write nothing' },
    { name: 'json', doc: 'Print JSON: the conversions with -d, otherwise the report' },
    { name: 'quiet', doc: 'Print errors only' },
    HELP,
  ],
  inspect: [
    { name: 'tensor', value: 'KEY', doc: 'Only this tensor' },
    { name: 'stats', doc: 'With --tensor: hash, minimum, maximum, mean and NaNs of its elements' },
    JSON_FLAG,
    HELP,
  ],
  models: [JSON_FLAG, HELP],
  doctor: [JSON_FLAG, HELP],
  verify: [
    {
      name: 'mode',
      value: 'MODE',
      doc: 'structural (index, coverage, CRCs), sampled (a part of every tensor again) or full (all of it)',
    },
    { name: 'against', value: 'HF_DIR', doc: 'Source of a sampled or full verification', complete: 'file' },
    JSON_FLAG,
    HELP,
  ],
  completion: [HELP],
} as const satisfies Record<string, readonly Flag[]>;
