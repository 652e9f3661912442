import { NemotronError } from '@nemotron-convert/core';
import { expect, test } from 'vitest';
import { paint } from './color.js';
import { errorText, exitCode } from './error.js';

const plain = (_: unknown, text: string) => text;

test('an error is its code, its place and its remedy', () => {
  const error = new NemotronError('CONFIG_SYNTAX', 'found a tab', {
    facts: { at: 'a.yaml:1:2', frame: '> 1 | a' },
  });
  expect(errorText(error, false, plain)).toBe(
    'error[E0221]: found a tab\n  at a.yaml:1:2\n> 1 | a\nhint: correct the text at the place shown\n',
  );
  expect(exitCode(error)).toBe(1);
});

test('what nobody expected is reported as a bug, with its stack on demand', () => {
  const error = new TypeError('x is undefined');
  expect(errorText(error, false, plain)).toMatch(/^error\[E0100\]: x is undefined\nhint: this is a bug/);
  expect(errorText(error, true, plain)).toContain('error.test.ts');
});

test('colours follow FORCE_COLOR, then NO_COLOR, then the terminal', () => {
  const output = (isTty: boolean) => ({ write: () => undefined, isTty, columns: 80 });
  const coloured = (isTty: boolean, env: Record<string, string>) =>
    paint(output(isTty), env)('red', 'x') !== 'x';
  expect(coloured(true, { TERM: 'xterm' })).toBe(true);
  expect(coloured(false, { TERM: 'xterm' })).toBe(false);
  expect(coloured(true, { TERM: 'dumb' })).toBe(false);
  expect(coloured(true, { NO_COLOR: '1' })).toBe(false);
  expect(coloured(true, { NO_COLOR: '' })).toBe(true);
  expect(coloured(false, { FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(true);
  expect(coloured(true, { FORCE_COLOR: '0' })).toBe(false);
});
