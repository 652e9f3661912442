import { NemotronError } from '@nemotron-convert/core';
import { FLAGS, type Flag } from './argv/flags.js';
import { suggestions } from './argv/similarity.js';
import { usage } from './argv/usage.js';
import { parseWords } from './argv/words.js';
import { helpText } from './help.js';
import type { Io } from './io.js';

/** A command: a group of commands, or a leaf whose code is loaded when it runs. */
export interface Command {
  readonly path: string;
  readonly summary: string;
  /** The words after the command, for its usage line. */
  readonly args: string;
  readonly flags: readonly Flag[];
  readonly examples: readonly string[];
  readonly notes?: readonly string[];
  readonly children?: Readonly<Record<string, Command>>;
  readonly load?: () => Promise<(words: readonly string[], io: Io) => Promise<number>>;
  /** What the help of the command with these words has besides. */
  readonly loadMoreHelp?: () => Promise<(words: readonly string[], io: Io) => string>;
  /** Unknown flags are words of the command. */
  readonly keepUnknown?: boolean;
}

const STEP = 'convert/hf_to_megatron';

const LIST: Command = {
  path: 'nemotron steps list',
  summary: 'List the steps',
  args: '[OPTIONS]',
  flags: FLAGS.list,
  examples: ['nemotron steps list', 'nemotron steps list --produces checkpoint_megatron --json'],
  load: async () => (await import('./commands/list.js')).list,
};
const SHOW: Command = {
  path: 'nemotron steps show',
  summary: 'Show a step and its parameters',
  args: '[OPTIONS] STEP_ID [NAME] [key=value ...]',
  flags: FLAGS.show,
  examples: [
    `nemotron steps show ${STEP}`,
    'nemotron steps show hf_to_megatron --json',
    'nemotron steps show hf_to_megatron --config mine.yaml tp=2',
  ],
  load: async () => (await import('./commands/show.js')).show,
};
const RUN: Command = {
  path: 'nemotron steps run',
  summary: 'Run a step here or on a backend',
  args: '[OPTIONS] STEP_ID [key=value ...] [words of the step ...]',
  flags: FLAGS.run,
  examples: [
    `nemotron steps run ${STEP} hf_model_id=./model megatron_path=./out`,
    `nemotron steps run ${STEP} -c mine.yaml dtype=float16 tp=2 -d`,
    `nemotron steps run ${STEP} -b slurm_convert_model hf_model_id=org/name`,
  ],
  notes: [
    'key=value overrides the configuration: dots go into maps, the value is YAML.',
    `The parameters of a step: nemotron steps show ${STEP}`,
    'Exit codes: 0 done, 1 configuration or step, 2 usage or sizes, 3 source, 4 target, 5 I/O (run again),',
    '6 verification, 7 network, 8 remote job, 130 and 143 interrupted (run again).',
  ],
  keepUnknown: true,
  load: async () => (await import('./commands/run.js')).run,
  loadMoreHelp: async () => (await import('./commands/step-parameters.js')).stepParameters,
};
const STEPS: Command = {
  path: 'nemotron steps',
  summary: 'List, show and run steps',
  args: 'COMMAND [ARGS]...',
  flags: FLAGS.group,
  examples: RUN.examples.slice(0, 1),
  children: { list: LIST, show: SHOW, run: RUN },
};
const PLAN: Command = {
  path: 'nemotron plan',
  summary: 'Show what a conversion would read, write, cast and leave out',
  args: '[OPTIONS] [key=value ...]',
  flags: FLAGS.plan,
  examples: [
    'nemotron plan hf_model_id=./model megatron_path=./out',
    'nemotron plan hf_model_id=./model tp=4 --json',
  ],
  keepUnknown: true,
  load: async () => (await import('./commands/plan.js')).plan,
};
const VERIFY: Command = {
  path: 'nemotron verify',
  summary: 'Check a Megatron checkpoint',
  args: '[OPTIONS] DIR',
  flags: FLAGS.verify,
  examples: [
    'nemotron verify ./megatron',
    'nemotron verify ./megatron --mode sampled',
    'nemotron verify ./megatron --against ./model',
  ],
  notes: ['Exit codes: 0 all is well, 3 not readable, 6 something differs.'],
  load: async () => (await import('./commands/verify.js')).verify,
};
const INSPECT: Command = {
  path: 'nemotron inspect',
  summary: 'Show what a checkpoint holds',
  args: '[OPTIONS] PATH',
  flags: FLAGS.inspect,
  examples: [
    'nemotron inspect ./megatron',
    'nemotron inspect ./model --tensor model.norm.weight --stats',
    'nemotron inspect ./model/model.safetensors --json',
  ],
  load: async () => (await import('./commands/inspect.js')).inspect,
};
const MODELS: Command = {
  path: 'nemotron models',
  summary: 'List the supported architectures',
  args: '[OPTIONS]',
  flags: FLAGS.models,
  examples: ['nemotron models', 'nemotron models --json'],
  load: async () => (await import('./commands/models.js')).models,
};
const BULK: Command = {
  path: 'nemotron bulk',
  summary: 'Convert many models under one budget',
  args: '[OPTIONS] MANIFEST [key=value ...]',
  flags: FLAGS.bulk,
  examples: [
    'nemotron bulk models.yaml',
    'nemotron bulk models.yaml budget.threads=8 options.dtype=float16 -d',
  ],
  notes: [
    'The manifest: models: [{source: /models/*, output: "/checkpoints/{name}"}], options: parameters of every',
    'conversion, budget: {concurrent, threads, memory, disk}, report: FILE. Run again, it goes on.',
    'Exit codes: 0 every checkpoint is there, else that of the first failure.',
  ],
  load: async () => (await import('./commands/bulk.js')).bulk,
};
const DOCTOR: Command = {
  path: 'nemotron doctor',
  summary: 'Look at what conversions need of this machine',
  args: '[OPTIONS] [PATH]',
  flags: FLAGS.doctor,
  examples: ['nemotron doctor', 'nemotron doctor /lustre/checkpoints --json'],
  notes: [
    'Node, the engine, CPU, the filesystem of PATH, GPU, Slurm, the Hub, env.toml.',
    'Exit codes: 0 all is well, 1 something would stop a conversion or a submission.',
  ],
  load: async () => (await import('./commands/doctor.js')).doctor,
};
const COMPLETION: Command = {
  path: 'nemotron completion',
  summary: 'Print a completion script for a shell',
  args: 'bash|zsh|fish',
  flags: FLAGS.completion,
  examples: ['source <(nemotron completion bash)', 'nemotron completion fish | source'],
  load: async () => (await import('./commands/completion.js')).completion,
};

export const ROOT: Command = {
  path: 'nemotron',
  summary: 'Convert Hugging Face checkpoints into Megatron checkpoints',
  args: 'COMMAND [ARGS]...',
  flags: FLAGS.root,
  examples: [...RUN.examples.slice(0, 1), ...LIST.examples.slice(0, 1)],
  children: {
    steps: STEPS,
    bulk: BULK,
    plan: PLAN,
    verify: VERIFY,
    inspect: INSPECT,
    models: MODELS,
    doctor: DOCTOR,
    completion: COMPLETION,
  },
};

/** Follows the words down the command tree and runs what they name. */
export async function runCommand(words: readonly string[], io: Io, command: Command = ROOT): Promise<number> {
  const { path, flags, keepUnknown } = command;
  const stopAtWord = command.children !== undefined;
  const parsed = parseWords(words, {
    command: path,
    flags,
    stopAtWord,
    ...(keepUnknown ? { keepUnknown } : {}),
  });
  if (parsed.switches.has('help')) {
    const more = (await command.loadMoreHelp?.())?.(parsed.rest, io) ?? '';
    io.out.write(`${helpText(command)}${more}`);
    return 0;
  }
  if (command.load !== undefined) return (await command.load())(words, io);
  if (parsed.switches.has('version')) {
    io.out.write(`${(await import('./version.js')).VERSION}\n`);
    return 0;
  }
  const [name, ...rest] = parsed.rest;
  if (name === undefined) {
    // Asked for nothing: the help, with the exit code of wrong usage.
    io.out.write(helpText(command));
    return 2;
  }
  if (parsed.values.get('run') && parsed.values.get('batch')) {
    throw new NemotronError('EXECUTOR_INVALID', '--run and --batch cannot both be set', {
      facts: { kind: 'Exit' },
    });
  }
  const child = Object.hasOwn(command.children ?? {}, name) ? command.children?.[name] : undefined;
  if (child === undefined) throw unknownCommand(command, name);
  return runCommand(rest, io, child);
}

function unknownCommand(command: Command, name: string) {
  const [near] = suggestions(name, Object.keys(command.children ?? {}), 0.6);
  const meant = near === undefined ? '' : ` Did you mean '${near}'?`;
  return usage(`No such command '${name}'.${meant}`, command.path);
}
