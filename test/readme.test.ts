import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
// @ts-expect-error a plain script without types
import { withTable } from '../scripts/models-table.js';

test('the table of models in README.md is what `npm run docs` writes', () => {
  const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  expect(withTable(text)).toBe(text);
});
