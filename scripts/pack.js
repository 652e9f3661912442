// Packs every package as it is published, with the addon of this platform in a package of its own:
//   node scripts/pack.js [DIR]        default out/packages; prints the archives
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const native = join(root, 'packages/native');
const out = resolve(process.argv[2] ?? join(root, 'out/packages'));
const run = (command, words, cwd) =>
  execFileSync(command, words, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
const pack = (dir) => {
  const [{ filename }] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', out], dir));
  return join(out, filename);
};

mkdirSync(out, { recursive: true });
const archives = ['core', 'config', 'native', 'convert', 'submit', 'cli'].map((name) =>
  pack(join(root, 'packages', name)),
);

rmSync(join(native, 'npm'), { recursive: true, force: true });
run('npx', ['napi', 'create-npm-dirs'], native);
for (const platform of readdirSync(join(native, 'npm'))) {
  const dir = join(native, 'npm', platform);
  const { main } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
  if (!readdirSync(join(native, 'binding')).includes(main)) continue;
  copyFileSync(join(native, 'binding', main), join(dir, main));
  archives.push(pack(dir));
}
rmSync(join(native, 'npm'), { recursive: true });
for (const archive of archives) console.log(archive);
