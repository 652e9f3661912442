import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const { files, packages } = JSON.parse(read('packages/native/wasm/inputs.json')) as {
  readonly files: Readonly<Record<string, string>>;
  /** Names with versions. */
  readonly packages: readonly string[];
};
const STALE = 'packages/native/wasm/ckpt.wasm is stale: run scripts/build-wasm.sh and commit what it writes';

function hash(path: string): string | null {
  if (!existsSync(join(ROOT, path))) return null;
  return createHash('sha256')
    .update(readFileSync(join(ROOT, path)))
    .digest('hex');
}

test('ckpt.wasm is built of the sources that are here', () => {
  expect(Object.keys(files)).toContain('packages/native/wasm/ckpt.wasm');
  expect(Object.keys(files)).toContain('crates/ckpt_wasm/src/lib.rs');
  const changed = Object.entries(files).filter(([path, recorded]) => hash(path) !== recorded);
  expect(
    changed.map(([path]) => path),
    STALE,
  ).toEqual([]);
});

test('ckpt.wasm is built of the packages of Cargo.lock', () => {
  const locked = new Set(
    Array.from(read('Cargo.lock').matchAll(/^name = "(.+)"\nversion = "(.+)"/gm), ([, name, version]) =>
      [name, `v${version}`].join(' '),
    ),
  );
  expect(
    packages.filter((name) => !locked.has(name)),
    STALE,
  ).toEqual([]);
});
