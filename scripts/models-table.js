/** Rewrites the table of models in README.md from the family tables: `npm run docs`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { listModels } from '@nemotron-convert/convert';

const BEGIN = '<!-- models: written by npm run docs -->';
const END = '<!-- end of models -->';
const path = new URL('../README.md', import.meta.url);

export function modelsTable() {
  const rows = listModels().map(
    ({ architecture, targets, example, note }) =>
      `| ${architecture} | ${targets.join(', ')} | ${example} | ${note ?? ''} |`,
  );
  return ['| architecture | Megatron-Bridge | example | note |', '|---|---|---|---|', ...rows].join('\n');
}

export function withTable(text) {
  const [before, rest] = text.split(BEGIN);
  const after = rest.split(END)[1];
  return `${before}${BEGIN}\n\n${modelsTable()}\n\n${END}${after}`;
}

if (process.argv[1] === path.pathname.replace(/README\.md$/, 'scripts/models-table.js')) {
  writeFileSync(path, withTable(readFileSync(path, 'utf8')));
}
