/**
 * The error table: one row a code, from which messages, exit codes and the documentation pages derive.
 *
 * Exit codes: 1 internal, 2 usage or config, 3 source unusable, 4 destination unusable, 5 I/O failed midway
 * (resumable), 6 verification mismatch, 7 network or authentication, 8 remote job failed, 130/143 interrupted.
 */
export interface ErrorRow {
  /** Stable identifier shown to users, e.g. `E0301`. Never reused. */
  readonly id: string;
  readonly exit: number;
  /** What went wrong, as a noun phrase. */
  readonly title: string;
  /** What the user can do about it; an error may carry a more exact one of its own. */
  readonly hint: string;
}

const row = (id: string, exit: number, title: string, hint: string): ErrorRow => ({ id, exit, title, hint });

export const ERRORS = {
  INTERNAL: row(
    'E0100',
    1,
    'internal error',
    'this is a bug in nemotron: please report it with the message above',
  ),
  PLAN_INVALID: row(
    'E0101',
    1,
    'conversion plan rejected by the engine',
    'this is a bug in nemotron: please report it',
  ),
  NATIVE_MISSING: row(
    'E0102',
    1,
    'native binding not found',
    'run `npm ci` again, or install the package named above for this platform',
  ),

  OPTION_INVALID: row(
    'E0201',
    2,
    'invalid option',
    'see `nemotron steps show` for the parameters and their choices',
  ),
  OPTION_UNKNOWN: row('E0202', 2, 'unknown option', 'see `nemotron steps show` for the parameters'),
  GPU_UNAVAILABLE: row(
    'E0204',
    2,
    'no such GPU',
    'leave device_map unset, or use device_map=auto or cpu: the bytes are the same on every device',
  ),
  PARALLEL_SIZE: row('E0203', 2, 'parallel sizes do not fit the model', 'use one of the sizes listed'),

  // The recorded Python tool ends with 1 for everything that it finds wrong after parsing its arguments.
  USAGE: row('E0200', 2, 'wrong usage', 'see `nemotron --help`'),
  STEP_UNKNOWN: row('E0210', 1, 'unknown step', 'run `nemotron steps list` to see all steps'),
  STEP_INVALID: row('E0211', 1, 'the files of a step cannot be used', 'correct the file named above'),
  CONFIG_MISSING: row(
    'E0220',
    1,
    'configuration not found',
    'a name with a slash or ending in .yaml or .yml is a path; any other is one of the configurations of the step',
  ),
  CONFIG_SYNTAX: row('E0221', 1, 'configuration cannot be read', 'correct the text at the place shown'),
  CONFIG_MERGE: row('E0222', 1, 'configurations do not fit together', 'give both the same kind of value'),
  CONFIG_INTERPOLATION: row(
    'E0223',
    1,
    'an interpolation failed',
    'correct the reference, or set the variable that it names',
  ),
  CONFIG_VALUE: row('E0224', 1, 'invalid parameter', 'see `nemotron steps show` for the parameters'),
  PROFILE_INVALID: row('E0230', 1, 'profile cannot be used', 'correct env.toml'),
  EXECUTOR_INVALID: row('E0231', 1, 'no such executor', 'set executor to local, slurm, lepton or dgxcloud'),
  SUBMIT_UNAVAILABLE: row('E0232', 1, 'submission not available', 'run without -r and -b to convert here'),

  SOURCE_MISSING: row(
    'E0301',
    3,
    'source not found',
    'give a directory with config.json and *.safetensors, or a model id such as org/name',
  ),
  SOURCE_CONFIG_MISSING: row(
    'E0302',
    3,
    'config.json missing in the source',
    'use the original model id, or copy its config.json and tokenizer files beside the weights',
  ),
  SOURCE_ADAPTER: row(
    'E0303',
    3,
    'source is a LoRA adapter, not a model',
    'merge it into its base model first: `nemotron steps run convert/merge_lora`',
  ),
  SOURCE_CONFIG_INVALID: row(
    'E0304',
    3,
    'config.json cannot be used',
    'use the original model id, or restore its config.json',
  ),
  SOURCE_NO_WEIGHTS: row(
    'E0305',
    3,
    'no safetensors weights in the source',
    'download the *.safetensors files of the model; *.bin and *.pth files are not read',
  ),
  SOURCE_SHARD_MISSING: row(
    'E0306',
    3,
    'a weight file named by the index is absent',
    'download the missing files again',
  ),
  SOURCE_TRUNCATED: row('E0307', 3, 'weight file is truncated', 'download the file again'),
  SOURCE_HEADER_INVALID: row(
    'E0308',
    3,
    'safetensors header is invalid',
    'the file is damaged or not a safetensors file: download it again',
  ),
  SOURCE_TENSOR_MISSING: row(
    'E0309',
    3,
    'a tensor that the architecture needs is absent',
    'download the missing weights, or restore the config.json that belongs to them',
  ),
  SOURCE_TENSOR_UNMAPPED: row(
    'E0310',
    3,
    'the source has tensors that no rule of the family names',
    'check that config.json belongs to these weights; a tensor is never dropped silently',
  ),
  SOURCE_TENSOR_SHAPE: row(
    'E0311',
    3,
    'a tensor contradicts config.json',
    'restore the config.json that belongs to these weights',
  ),
  SOURCE_TENSOR_DTYPE: row(
    'E0312',
    3,
    'a tensor has a dtype that cannot be converted',
    'use the bfloat16 release of the model',
  ),
  SOURCE_ARCHITECTURE: row(
    'E0313',
    3,
    'architecture not supported',
    'see `nemotron models` for what is supported',
  ),
  SOURCE_INDEX_INVALID: row(
    'E0314',
    3,
    'model.safetensors.index.json cannot be used',
    'download the index again, or remove it when the weights are complete without it',
  ),
  SOURCE_TOKENIZER_MISSING: row(
    'E0315',
    3,
    'tokenizer files missing in the source',
    'use the original model id, or copy its tokenizer files beside the weights',
  ),
  SOURCE_QUANTIZED: row(
    'E0316',
    3,
    'quantised weights of this kind are not supported',
    'use the bfloat16 release of the model',
  ),
  SOURCE_CHANGED: row(
    'E0317',
    3,
    'the source changed while it was read',
    'wait until nothing writes to it, then run again',
  ),
  SOURCE_PERMISSION: row(
    'E0318',
    3,
    'the source cannot be read',
    'check the permissions of the file named above',
  ),
  MODEL_PARAM_UNMAPPED: row(
    'E0319',
    3,
    'a Megatron parameter has no rule in the family',
    'this configuration of the architecture is not supported by the chosen target; check config.json',
  ),
  CHECKPOINT_MISMATCH: row(
    'E0322',
    3,
    'checkpoint and model do not fit together',
    'give the model that the checkpoint was made from as hf_model_id',
  ),
  CHECKPOINT_INVALID: row(
    'E0321',
    3,
    'checkpoint cannot be read',
    'it is damaged, incomplete, or not a torch_dist checkpoint: convert it again',
  ),

  ADAPTER_MISSING: row(
    'E0340',
    3,
    'no adapter found',
    'give the directory that has adapter_config.json and adapter_model.safetensors as lora_checkpoint',
  ),
  ADAPTER_CONFIG_INVALID: row(
    'E0341',
    3,
    'adapter_config.json cannot be used',
    'restore the adapter_config.json that belongs to the weights',
  ),
  ADAPTER_UNSUPPORTED: row(
    'E0342',
    3,
    'this kind of adapter cannot be merged',
    'merge it with the library that trained it',
  ),
  ADAPTER_TENSOR_MISSING: row(
    'E0343',
    3,
    'a part of the adapter is absent',
    'copy the adapter again: adapter_model.safetensors is not complete',
  ),
  ADAPTER_TENSOR_SHAPE: row(
    'E0344',
    3,
    'the adapter does not fit its configuration or its base model',
    'use the base model that the adapter was trained on, and the adapter_config.json that belongs to it',
  ),
  ADAPTER_TENSOR_UNKNOWN: row(
    'E0345',
    3,
    'the adapter has a tensor for something that the base model does not have',
    'use the base model that the adapter was trained on',
  ),
  ADAPTER_TENSOR_DTYPE: row(
    'E0346',
    3,
    'a tensor has a dtype that cannot be merged',
    'save the adapter and its base in float32, bfloat16 or float16',
  ),

  TARGET_EXISTS: row(
    'E0401',
    4,
    'target is not empty',
    'choose a fresh megatron_path; an existing checkpoint is never overwritten',
  ),
  TARGET_OVERLAP: row(
    'E0402',
    4,
    'source and target overlap',
    'choose a megatron_path outside the source directory',
  ),
  TARGET_NO_SPACE: row(
    'E0403',
    4,
    'not enough disk space for the target',
    'free the space named above, or choose another megatron_path',
  ),
  TARGET_PERMISSION: row(
    'E0404',
    4,
    'the target cannot be written',
    'check the permissions of the directory named above, or choose another megatron_path',
  ),
  TARGET_NOT_DIRECTORY: row(
    'E0405',
    4,
    'a part of the target path is not a directory',
    'choose another megatron_path',
  ),
  TARGET_BUSY: row(
    'E0406',
    4,
    'another run is writing this target',
    'wait until it ends; if it is known to be dead, remove the lock file named above',
  ),
  TARGET_BUDGET: row(
    'E0412',
    4,
    'the checkpoint does not fit the disk budget',
    'raise the budget, or convert the model in another call',
  ),
  TARGET_MOUNT: row(
    'E0408',
    4,
    'the target is a mount point',
    'choose a directory inside it: a finished checkpoint takes its name by a rename',
  ),
  RESUME_MISMATCH: row(
    'E0407',
    4,
    'an unfinished conversion of something else is in the way',
    'run the original command again to finish it, or start afresh with --fresh or fresh=true',
  ),

  READ_FAILED: row('E0501', 5, 'reading the source failed', 'run the same command again'),
  WRITE_FAILED: row('E0502', 5, 'writing the target failed', 'run the same command again'),
  GPU_FAILED: row(
    'E0504',
    5,
    'a GPU failed',
    'run the same command again, with device_map=cpu if it happens twice: it goes on where it was',
  ),
  DISK_FULL: row(
    'E0503',
    5,
    'the target disk is full',
    'free space and run the same command again, or choose another megatron_path',
  ),

  VERIFY_MISMATCH: row(
    'E0601',
    6,
    'the written checkpoint differs from the plan',
    'the disk or memory may be failing: run again on another disk',
  ),

  HUB_NOT_FOUND: row(
    'E0330',
    3,
    'no such model or revision',
    'check the spelling of org/name and the revision; a private model needs HF_TOKEN',
  ),
  HUB_NO_SPACE: row(
    'E0410',
    4,
    'not enough disk space for the download',
    'free the space named above, or set HF_HUB_CACHE to a directory on a larger disk',
  ),
  HUB_CACHE_PERMISSION: row(
    'E0411',
    4,
    'the Hugging Face cache cannot be written',
    'set HF_HUB_CACHE to a directory that you can write',
  ),

  HUB_UNREACHABLE: row(
    'E0701',
    7,
    'the Hub cannot be reached',
    'check the network, HF_ENDPOINT and the proxy variables and run the same command again, or give a local directory',
  ),
  HUB_AUTH: row(
    'E0702',
    7,
    'the Hub refused the token',
    'set HF_TOKEN to a valid token that may read the model',
  ),
  HUB_GATED: row(
    'E0703',
    7,
    'the model is gated',
    'open its page, accept the conditions, and set HF_TOKEN to a token of that account',
  ),
  HUB_RATE_LIMITED: row(
    'E0704',
    7,
    'the Hub limits the rate of requests',
    'wait, or set HF_TOKEN for a higher limit, then run the same command again: finished parts are kept',
  ),
  HUB_OFFLINE: row(
    'E0705',
    7,
    'not in the cache, and offline',
    'run once with HF_HUB_OFFLINE unset, or give a local directory',
  ),
  HUB_CORRUPT: row(
    'E0706',
    7,
    'downloaded bytes differ from what the Hub announced',
    'run the same command again; if it happens again, a proxy or the disk changes data',
  ),
  HUB_ANSWER: row(
    'E0707',
    7,
    'the Hub gave an answer that cannot be used',
    'check HF_ENDPOINT, and try again later: finished parts are kept',
  ),
  REMOTE_UNREACHABLE: row(
    'E0710',
    7,
    'the cluster cannot be reached',
    'check the network and the address in env.toml, then run the same command again',
  ),
  REMOTE_AUTH: row(
    'E0711',
    7,
    'the cluster refused the credentials',
    'check the key, token or client secret that the profile names',
  ),
  REMOTE_ANSWER: row(
    'E0712',
    7,
    'the cluster service gave an answer that cannot be used',
    'check the address in env.toml, and try again later',
  ),

  JOB_FAILED: row('E0801', 8, 'the job failed', 'read its log above'),
  JOB_REJECTED: row(
    'E0802',
    8,
    'the cluster did not accept the job',
    'correct the profile in env.toml: account, partition, node group, project',
  ),
  JOB_PREPARATION: row(
    'E0803',
    1,
    'preparing the job failed',
    'run the command shown above on the login node',
  ),
  JOB_LOST: row('E0804', 8, 'the job is gone', 'look for it with the tools of the cluster'),

  INTERRUPTED: row('E1301', 130, 'interrupted', 'run the same command again'),
  TERMINATED: row('E1431', 143, 'terminated', 'run the same command again'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** What an error knows, for programs: paths, tensor names, expected and found values. */
export type Facts = Readonly<Record<string, unknown>>;

export interface ErrorOptions {
  readonly facts?: Facts;
  /** Overrides the table's hint where the thrower knows a better remedy. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** The one error class of the project. `message` says what was expected and what was found. */
export class NemotronError extends Error {
  readonly code: ErrorCode;
  readonly facts: Facts;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'NemotronError';
    this.code = code;
    this.facts = options.facts ?? {};
    this.hint = options.hint ?? ERRORS[code].hint;
  }

  get id(): string {
    return ERRORS[this.code].id;
  }

  get exit(): number {
    return ERRORS[this.code].exit;
  }
}
