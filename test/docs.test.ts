import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
// @ts-expect-error a plain script without types
import { GENERATED, readGenerated } from '../scripts/docs.js';

const root = fileURLToPath(new URL('..', import.meta.url));

test.each(GENERATED as { path: string; text: (now: string) => string | Promise<string> }[])(
  '$path is what `npm run docs` writes',
  async ({ path, text }) => {
    const now = readGenerated(path) as string;
    expect(await text(now)).toBe(now);
  },
);

test('every page of docs/errors is of an error that exists', () => {
  const paths = (GENERATED as { path: string }[]).map(({ path }) => path);
  expect(markdown('docs/errors').filter((path) => !paths.includes(path))).toEqual([]);
});

test('links between documents lead somewhere', () => {
  const documents = ['README.md', 'CONTRIBUTING.md', ...markdown('docs')];
  const broken = documents.flatMap((document) => {
    const text = readFileSync(join(root, document), 'utf8').replace(/```[\s\S]*?```/g, '');
    const links = Array.from(text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g), ([, link]) => link ?? '');
    return links
      .filter((link) => !/^[a-z]+:/.test(link) && !existsSync(join(root, dirname(document), link)))
      .map((link) => `${document}: ${link}`);
  });
  expect(broken).toEqual([]);
});

function markdown(dir: string): string[] {
  return readdirSync(join(root, dir), { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return markdown(path);
    return path.endsWith('.md') ? [path] : [];
  });
}
