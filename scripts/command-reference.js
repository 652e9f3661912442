import { helpText } from '../packages/cli/dist/help.js';
import { ROOT } from '../packages/cli/dist/program.js';

/** The help of every command. */
export function commandReference() {
  const sections = leaves(ROOT).map(
    (command) => `## ${command.path}\n\n\`\`\`text\n${helpText(command)}\`\`\``,
  );
  const note = '<!-- written by npm run docs from packages/cli/src/program.ts and argv/flags.ts -->';
  return `# Commands\n\n${note}\n\n${sections.join('\n\n')}\n`;
}

function leaves(command) {
  return [command, ...Object.values(command.children ?? {}).flatMap(leaves)];
}
