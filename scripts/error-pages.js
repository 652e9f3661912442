import { ERRORS } from '@nemotron-convert/core';

const NOTE = '<!-- written by npm run docs from packages/core/src/errors.ts -->';
const FOLDER = 'docs/errors';

/** What an exit code means, and whether the same command goes on when it is run again. */
const EXITS = new Map([
  [1, ['a configuration or step cannot be used, or a bug', false]],
  [2, ['wrong usage', false]],
  [3, ['the source cannot be used', false]],
  [4, ['the destination cannot be used', false]],
  [5, ['input or output failed midway', true]],
  [6, ['verification found a difference', false]],
  [7, ['network or authentication', true]],
  [8, ['the remote job failed', false]],
  [130, ['interrupted by SIGINT', true]],
  [143, ['interrupted by SIGTERM', true]],
]);

/** A page for every error, and a table of all. */
export function errorPages() {
  const rows = Object.entries(ERRORS).sort(([, a], [, b]) => a.id.localeCompare(b.id));
  return [
    { path: `${FOLDER}/README.md`, text: () => index(rows) },
    ...rows.map(([code, row]) => ({ path: `${FOLDER}/${row.id}.md`, text: () => page(code, row) })),
  ];
}

function index(rows) {
  const lines = rows.map(
    ([code, { id, exit, title }]) => `| [${id}](${id}.md) | \`${code}\` | ${exit} | ${title} |`,
  );
  const codes = [...EXITS].map(
    ([exit, [meaning, resumes]]) => `| ${exit} | ${meaning} | ${resumes ? 'yes' : ''} |`,
  );
  return `# Errors

${NOTE}

\`error[E0402]\` on the error output, \`error.id\` and \`error.code\` with \`--json\`. Numbers and names are stable.

| error | name | exit | |
|---|---|---|---|
${lines.join('\n')}

## Exit codes

| code | meaning | run again to go on |
|---|---|---|
| 0 | done | |
${codes.join('\n')}
`;
}

function page(code, { id, exit, title, hint }) {
  const [meaning, resumes] = EXITS.get(exit);
  const again = resumes ? ' Running the same command again goes on where this one stopped.' : '';
  return `# ${id}: ${title}

${NOTE}

Name: \`${code}\`. Exit code ${exit}: ${meaning}.${again}

The message names what was expected and what was found; with \`--json\` they are in \`error.facts\`.

## What to do

${hint[0].toUpperCase()}${hint.slice(1)}.

[All errors](README.md)
`;
}
