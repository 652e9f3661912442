// Writes what documentation derives from tables and types: `npm run docs`. Tests compare it with what is committed.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { apiReference } from './api-reference.js';
import { withPicture } from './architecture.js';
import { commandReference } from './command-reference.js';
import { errorPages } from './error-pages.js';
import { withTable } from './models-table.js';
import { profileReference } from './profile-reference.js';
import { runnablePages } from './runnable-pages.js';
import { stepReference } from './step-reference.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Each generated file with its text, made from the text that it has now. */
export const GENERATED = [
  { path: 'README.md', text: withTable },
  { path: 'docs/architecture.md', text: withPicture },
  { path: 'docs/reference/api.md', text: apiReference },
  { path: 'docs/reference/commands.md', text: commandReference },
  { path: 'docs/reference/profiles.md', text: profileReference },
  { path: 'docs/reference/steps.md', text: stepReference },
  ...errorPages(),
];

/** The pages whose commands are run for their outputs. */
export const RUN = runnablePages();

export const readGenerated = (path) => {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return '';
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { path, text } of [...GENERATED, ...RUN]) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), await text(readGenerated(path)));
  }
}
