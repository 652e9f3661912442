// Records what packages/native/wasm/ckpt.wasm was built of, right after the build, for the test that tells when it is
// stale: the sources that cargo names in its dep-info, their manifests, and the locked packages.
//
//     node scripts/wasm-inputs.js ckpt_wasm.d
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const [depInfo] = process.argv.slice(2);

/** The files of a Makefile rule: a space in a name is escaped. */
const sources = readFileSync(depInfo, 'utf8')
  .replace(/^.*?: /, '')
  .trim()
  .split(/(?<!\\) /)
  .map((path) => relative(ROOT, path.replaceAll('\\ ', ' ')))
  .filter((path) => path.startsWith('crates/'));

function manifestOf(path) {
  const manifest = join(path, 'Cargo.toml');
  return existsSync(join(ROOT, manifest)) ? manifest : manifestOf(dirname(path));
}

const tree = ['tree', '-p', 'ckpt_wasm', '--target', 'wasm32-wasip1', '-e', 'normal,build', '--locked'];
const packages = execFileSync('cargo', [...tree, '--prefix', 'none', '--format', '{p}'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((line) => line !== '' && !line.includes(`(${ROOT}`))
  .map((line) => line.split(' ').slice(0, 2).join(' '));

const files = [
  ...new Set([...sources, ...sources.map(manifestOf), 'Cargo.toml', 'packages/native/wasm/ckpt.wasm']),
];
const hashed = files.sort().map((path) => [
  path,
  createHash('sha256')
    .update(readFileSync(join(ROOT, path)))
    .digest('hex'),
]);
const inputs = { files: Object.fromEntries(hashed), packages: [...new Set(packages)].sort() };
writeFileSync(join(ROOT, 'packages/native/wasm/inputs.json'), `${JSON.stringify(inputs, null, 2)}\n`);
