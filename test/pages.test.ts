import { expect, test } from 'vitest';
// @ts-expect-error a plain script without types
import { RUN, readGenerated } from '../scripts/docs.js';

/** A page starts the command dozens of times. */
const PATIENCE_MS = 300_000;

test.each(RUN as { path: string; text: (now: string) => string }[])(
  'the commands of $path print what the page says',
  ({ path, text }) => {
    const now = readGenerated(path) as string;
    expect(text(now)).toBe(now);
  },
  PATIENCE_MS,
);

test('there are pages whose commands run', () => {
  const paths = (RUN as { path: string }[]).map(({ path }) => path);
  expect(paths).toContain('docs/ten-questions.md');
  expect(paths).toContain('docs/quick-start.md');
});
