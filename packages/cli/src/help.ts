import type { Flag } from './argv/flags.js';
import type { Command } from './program.js';
import { columns } from './render/table.js';

const WIDTH = 120;

/** The help of a command, from its tables. */
export function helpText(command: Command): string {
  const children = Object.entries(command.children ?? {});
  const blocks = [
    `Usage: ${command.path} ${command.args}`,
    command.summary,
    block(
      'Commands',
      children.map(([name, { summary }]) => [name, summary]),
    ),
    block('Options', command.flags.map(flagRow)),
    (command.notes ?? []).join('\n'),
    ['Examples', ...command.examples.map((example) => `  ${example}`)].join('\n'),
  ];
  return `${blocks.filter((text) => text !== '').join('\n\n')}\n`;
}

function block(title: string, rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const body = columns(rows, WIDTH)
    .split('\n')
    .map((line) => `  ${line}`);
  return [title, ...body].join('\n');
}

function flagRow({ name, short, value, doc }: Flag): readonly string[] {
  const names = short === undefined ? `    --${name}` : `-${short}, --${name}`;
  return [value === undefined ? names : `${names} ${value}`, doc];
}
