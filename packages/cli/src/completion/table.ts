import type { Flag } from '../argv/flags.js';
import type { Command } from '../program.js';
import type { Manifest } from '../steps/manifest.js';

/** What a shell can offer, from the command, flag and step tables. */
export interface CompletionTable {
  readonly commands: readonly CompletionCommand[];
  readonly steps: readonly string[];
  readonly configs: readonly string[];
  /** `key=` words of the parameters, with their choices. */
  readonly parameters: readonly {
    readonly name: string;
    readonly choices: readonly string[];
    readonly doc: string;
  }[];
}
export interface CompletionCommand {
  /** The words that lead here: `steps run`. */
  readonly path: string;
  readonly children: readonly { readonly name: string; readonly doc: string }[];
  readonly flags: readonly Flag[];
  readonly takesStep: boolean;
  readonly takesParameters: boolean;
}

export function completionTable(root: Command, steps: readonly Manifest[]): CompletionTable {
  const parameters = new Map<string, CompletionTable['parameters'][number]>();
  for (const step of steps) {
    for (const { name, choices, description } of [...step.parameters, ...step.extensions]) {
      parameters.set(name, { name, choices: choices.map(String), doc: description });
    }
  }
  return {
    commands: flatten(root),
    steps: steps.map(({ id }) => id),
    configs: ['default', 'tiny'],
    parameters: [...parameters.values()],
  };
}

function flatten(command: Command): CompletionCommand[] {
  const children = Object.values(command.children ?? {});
  const path = command.path.split(' ').slice(1).join(' ');
  const own: CompletionCommand = {
    path,
    children: Object.entries(command.children ?? {}).map(([name, { summary }]) => ({ name, doc: summary })),
    flags: command.flags,
    takesStep: command.args.includes('STEP_ID'),
    takesParameters: command.args.includes('key=value'),
  };
  return [own, ...children.flatMap(flatten)];
}
