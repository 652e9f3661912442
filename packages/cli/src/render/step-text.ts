import { pythonText } from '@nemotron-convert/config';
import type { Artifact, Manifest, Parameter } from '../steps/manifest.js';
import { columns } from './table.js';

/** Titles of categories in `list --tree`; another category is its own title. */
const CATEGORY_TITLES: ReadonlyMap<string, string> = new Map([
  ['convert', 'Checkpoint Conversion'],
  ['env', 'Environment Profiles'],
]);

export function listTable(steps: readonly Manifest[], width: number): string {
  const rows = steps.map(({ id, category, consumes, produces, description }) => [
    id,
    category,
    types(consumes),
    types(produces),
    firstLine(description),
  ]);
  const header = ['ID', 'Category', 'Consumes', 'Produces', 'Description'];
  return `Available Steps\n\n${columns([header, ...rows], width)}\n`;
}

function types(artifacts: readonly Artifact[]): string {
  return artifacts.length === 0 ? '-' : artifacts.map(({ type }) => type).join(', ');
}

export function listTree(steps: readonly Manifest[]): string {
  const categories = [...new Set(steps.map(({ category }) => category))].sort();
  const lines = ['Available Steps'];
  for (const [at, category] of categories.entries()) {
    const last = at === categories.length - 1;
    const title = CATEGORY_TITLES.get(category);
    lines.push(`${last ? '└── ' : '├── '}${category}${title === undefined ? '' : ` — ${title}`}`);
    const inside = steps.filter((step) => step.category === category);
    for (const [index, step] of inside.entries()) {
      const branch = index === inside.length - 1 ? '└── ' : '├── ';
      lines.push(`${last ? '    ' : '│   '}${branch}${step.id}  ${firstLine(step.description)}`.trimEnd());
    }
  }
  return `${lines.join('\n')}\n`;
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}

export function showText(step: Manifest, width: number): string {
  const blocks = [
    `${rule(`${step.id} — ${step.name}`, width)}\n${step.path}`,
    step.description,
    block('Consumes', step.consumes.map(artifactLine)),
    block('Produces', step.produces.map(artifactLine)),
    block('Parameters', step.parameters.map(parameterLine)),
    runspecBlock(step),
    block('Extensions', step.extensions.map(parameterLine)),
  ];
  return `${blocks.filter((text) => text !== '').join('\n\n')}\n`;
}

/** All that a run of the step can be given. */
export function parametersText({ id, parameters, extensions }: Manifest): string {
  return `\n${block(`Parameters of ${id}`, [...parameters, ...extensions].map(parameterLine))}\n`;
}

/** A title in the middle of a line. */
function rule(title: string, width: number): string {
  const space = Math.max(2, width - title.length - 2);
  const left = Math.floor(space / 2);
  return `${'─'.repeat(left)} ${title} ${'─'.repeat(space - left)}`;
}

function block(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : [title, ...lines.map((text) => `  • ${text}`)].join('\n');
}

function artifactLine({ type, required, description }: Artifact): string {
  return `${type}${required ? '' : ' (optional)'}${dash(description)}`;
}

export function parameterLine({ name, default: value, choices, description }: Parameter): string {
  const given = value === null ? '' : ` (default=${pythonText(value)})`;
  const list =
    choices.length === 0 ? '' : ` (choices: ${choices.map((choice) => pythonText(choice)).join(', ')})`;
  return `${name}${given}${list}${dash(description)}`;
}

function dash(description: string): string {
  return description === '' ? '' : ` — ${description}`;
}

function runspecBlock({ runspec }: Manifest): string {
  if (runspec === undefined) return '';
  return [
    'Runspec',
    `  launcher: ${runspec.launch}`,
    `  image: ${runspec.image ?? '-'}`,
    `  resources: nodes=${runspec.nodes} gpus_per_node=${runspec.gpusPerNode}`,
    `  config dir: ${runspec.configDir}`,
    `  default config: ${runspec.defaultConfig}`,
  ].join('\n');
}
