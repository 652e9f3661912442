import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ROOT } from '../support/cli.js';

const dir = mkdtempSync(join(tmpdir(), 'nemotron-bin-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const bin = join(dir, 'cli/bin/nemotron.js');
mkdirSync(dirname(bin), { recursive: true });
copyFileSync(join(ROOT, 'packages/cli/bin/nemotron.js'), bin);
writeFileSync(join(dir, 'package.json'), '{"type":"module"}');

/** Writes a file as if at a time; one that prints its name where it is JavaScript. */
const put = (path: string, at: number): void => {
  const full = join(dir, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, path.endsWith('.js') ? `console.log('${path}');` : '');
  utimesSync(full, at, at);
};
const loaded = (): string => execFileSync(process.execPath, [bin], { encoding: 'utf8' }).trim();

test('the command is its bundle, unless one of its packages was compiled later', () => {
  put('cli/dist/main.js', 1000);
  put('cli/tsconfig.tsbuildinfo', 1000);
  expect(loaded()).toBe('cli/dist/main.js');
  put('cli/dist/bundle.js', 1001);
  expect(loaded()).toBe('cli/dist/bundle.js');
  put('convert/tsconfig.tsbuildinfo', 1002);
  expect(loaded()).toBe('cli/dist/main.js');
  rmSync(join(dir, 'convert/tsconfig.tsbuildinfo'));
  rmSync(join(dir, 'cli/tsconfig.tsbuildinfo'));
  expect(loaded()).toBe('cli/dist/bundle.js');
});
