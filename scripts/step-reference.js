import { fileURLToPath } from 'node:url';
import { discoverSteps } from '../packages/cli/dist/steps/registry.js';

const STEPS = fileURLToPath(new URL('../config/steps', import.meta.url));

/** Every step with its artifacts and parameters, from the step.toml files. */
export function stepReference() {
  const note = '<!-- written by npm run docs from config/steps -->';
  return `# Steps and their parameters\n\n${note}\n\n${discoverSteps(STEPS).map(section).join('\n\n')}\n`;
}

function section({ id, name, description, consumes, produces, parameters, extensions }) {
  const artifacts = (verb, list) =>
    list.map(({ type, description: what }) => `${verb} \`${type}\`${what === '' ? '' : `: ${what}`}`);
  const rows = [...parameters, ...extensions].map(
    ({ name: parameter, default: value, choices, description: what }) =>
      `| \`${parameter}\` | ${value === null || value === '' ? '' : `\`${value}\``} | ${choices.map((choice) => `\`${choice}\``).join(' ')} | ${what} |`,
  );
  return [
    `## ${id}`,
    `${name}. ${description}`,
    [...artifacts('Takes', consumes), ...artifacts('Makes', produces)].join('\n\n'),
    ['| parameter | default | choices | |', '|---|---|---|---|', ...rows].join('\n'),
  ]
    .filter((text) => text !== '')
    .join('\n\n');
}
