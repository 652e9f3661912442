import type { Flag } from '../argv/flags.js';
import type { CompletionCommand, CompletionTable } from './table.js';

/** A bash script: candidates by the words that name the command. */
export function bash(table: CompletionTable): string {
  const cases = table.commands.map(
    (command) => `    ${pattern(command)}) words=${quoted(candidates(command, table).join(' '))} ;;`,
  );
  return `_nemotron() {
  local current=\${COMP_WORDS[COMP_CWORD]} path="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
${subcommands(table)
  .map((path) => `      ${quoted(path.includes(' ') ? path : ` ${path}`)}) path=${quoted(path)} ;;`)
  .join('\n')}
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ \${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- "$current"))
  [[ \${COMPREPLY[0]} == *= ]] && compopt -o nospace
  return 0
}
complete -o default -F _nemotron nemotron
`;
}

/** A zsh script; the bash completion does the work. */
export function zsh(table: CompletionTable): string {
  return `#compdef nemotron\nautoload -U +X bashcompinit && bashcompinit\n${bash(table)}`;
}

/** A fish script: one line a candidate. */
export function fish(table: CompletionTable): string {
  const lines = table.commands.flatMap((command) => {
    const when = `-n ${quoted(condition(command, table))}`;
    return [
      ...command.children.map(
        ({ name, doc }) => `complete -c nemotron -f ${when} -a ${name} -d ${quoted(doc)}`,
      ),
      ...command.flags.map((flag) => `complete -c nemotron ${when} ${fishFlag(flag)}`),
      ...(command.takesStep ? [`complete -c nemotron -f ${when} -a ${quoted(table.steps.join(' '))}`] : []),
      ...(command.takesParameters ? fishParameters(table, when) : []),
    ];
  });
  return `${lines.join('\n')}\n`;
}

function fishParameters(table: CompletionTable, when: string): string[] {
  return table.parameters.map(
    (parameter) =>
      `complete -c nemotron -f ${when} -a ${quoted(words(parameter).join(' '))} -d ${quoted(parameter.doc)}`,
  );
}

function fishFlag({ name, short, value, doc }: Flag): string {
  const parts = [`-l ${name}`];
  if (short !== undefined) parts.unshift(`-s ${short}`);
  if (value !== undefined) parts.push('-r');
  return `${parts.join(' ')} -d ${quoted(doc)}`;
}

function condition(command: CompletionCommand, table: CompletionTable): string {
  const seen = command.path.split(' ').filter(Boolean);
  const deeper =
    table.commands.find(({ path }) => path === command.path)?.children.map(({ name }) => name) ?? [];
  const all = seen.map((word) => `__fish_seen_subcommand_from ${word}`);
  if (deeper.length > 0) all.push(`not __fish_seen_subcommand_from ${deeper.join(' ')}`);
  return all.length === 0 ? 'true' : all.join('; and ');
}

function candidates(command: CompletionCommand, table: CompletionTable): string[] {
  return [
    ...command.children.map(({ name }) => name),
    ...command.flags.flatMap(({ name, short }) =>
      short === undefined ? [`--${name}`] : [`-${short}`, `--${name}`],
    ),
    ...(command.takesStep ? table.steps : []),
    ...(command.takesParameters ? table.parameters.flatMap(words) : []),
  ];
}

function words({ name, choices }: CompletionTable['parameters'][number]): string[] {
  return [`${name}=`, ...choices.map((choice) => `${name}=${choice}`)];
}

function subcommands(table: CompletionTable): string[] {
  return table.commands.map(({ path }) => path).filter((path) => path !== '');
}

function pattern({ path }: CompletionCommand): string {
  return quoted(path);
}

/** A word for a shell: single quotes, doubled for the quote itself. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
