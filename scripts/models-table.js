import { listModels } from '@nemotron-convert/convert';

const BEGIN = '<!-- models: written by npm run docs -->';
const END = '<!-- end of models -->';

function modelsTable() {
  const rows = listModels().map(
    ({ architecture, targets, example, note }) =>
      `| ${architecture} | ${targets.join(', ')} | ${example} | ${note ?? ''} |`,
  );
  return ['| architecture | Megatron-Bridge | example | note |', '|---|---|---|---|', ...rows].join('\n');
}

/** README.md with the table of models that the family tables give. */
export function withTable(text) {
  const [before, rest] = text.split(BEGIN);
  const after = rest.split(END)[1];
  return `${before}${BEGIN}\n\n${modelsTable()}\n\n${END}${after}`;
}
