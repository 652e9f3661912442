import type { Job } from './job.js';
import type { ProfileValues } from './profile.js';
import { quote, quoteAll } from './quote.js';

/** The name of the training config beside the tool. */
export const CONFIG = 'config.yaml';
/** What `{script}` names in a run_command: Python's way to the tool. */
export const SCRIPT = 'main.py';
export const LAUNCHER = 'nemotron.sh';

/**
 * The command that does the work of one rank: the tool with the training config, or the profile's `run_command` with
 * `{script}` and `{config}` filled in. Words for the step follow, quoted.
 */
export function workCommand(job: Job, values: ProfileValues, dir: string, config: string): string {
  const own = values.text('run_command');
  const base =
    own === undefined
      ? `sh ${quote(`${dir}${LAUNCHER}`)} ${quoteAll(['steps', 'run', job.stepId, '-c', config])}`
      : filled(own, { script: `${dir}${SCRIPT}`, config }, values);
  return job.words.length === 0 ? base : `${base} ${quoteAll(job.words)}`;
}

function filled(text: string, words: Readonly<Record<string, string>>, values: ProfileValues): string {
  return text.replaceAll(/(?<!\$)\{(\w+)\}/g, (_, name: string) => {
    const word = words[name];
    if (word === undefined) throw values.invalid('run_command', `has {${name}}; it knows {script}, {config}`);
    return quote(word);
  });
}

/** The command after the startup commands, which all have to succeed. */
export function afterStartup(commands: readonly string[], command: string): string {
  return commands.length === 0 ? command : `{ ${commands.join(' && ')}; } && ${command}`;
}

/** `main.py`, for profiles whose run_command starts Python: it becomes the tool. */
export function pythonLauncher(stepId: string): string {
  return [
    'import os, sys',
    'here = os.path.dirname(os.path.abspath(__file__))',
    'words = ["-c" if word == "--config" else word for word in sys.argv[1:]]',
    `tool = ["sh", os.path.join(here, "${LAUNCHER}"), "steps", "run", "${stepId}"]`,
    'os.execv("/bin/sh", tool + words)',
    '',
  ].join('\n');
}
