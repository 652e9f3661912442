// Writes what a release is made of as CycloneDX: the npm packages that run and the crates of the addon.
//   node scripts/sbom.js FILE
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const cwd = fileURLToPath(new URL('..', import.meta.url));
const json = (command, words) =>
  JSON.parse(execFileSync(command, words, { cwd, encoding: 'utf8', maxBuffer: 1 << 28 }));

const [, , out] = process.argv;
if (out === undefined) throw new Error('usage: node scripts/sbom.js FILE');
const { version: release, packages: installed } = JSON.parse(readFileSync(`${cwd}package-lock.json`, 'utf8'));
const fromNpm = Object.entries(installed)
  .filter(([path, { dev, link }]) => path.includes('node_modules/') && !dev && !link)
  .map(([path, { version, license }]) =>
    component('npm', path.split('node_modules/').at(-1), version, license),
  );

const { packages, resolve } = json('cargo', ['metadata', '--format-version=1', '--locked']);

const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
const shipped = new Set();
const visit = (id) => {
  if (shipped.has(id)) return;
  shipped.add(id);
  for (const { pkg, dep_kinds: kinds } of nodes.get(id).deps) {
    if (kinds.some(({ kind }) => kind === null)) visit(pkg);
  }
};
visit(packages.find(({ name }) => name === 'ckpt_node').id);

const fromCargo = packages
  .filter(({ id, source }) => shipped.has(id) && source !== null)
  .map(({ name, version, license }) => component('cargo', name, version, license?.replaceAll('/', ' OR ')));

const components = [...fromNpm, ...fromCargo];
const metadata = { component: component('npm', 'nemotron-convert', release, 'Apache-2.0') };
const sbom = { bomFormat: 'CycloneDX', specVersion: '1.5', version: 1, metadata, components };
writeFileSync(out, `${JSON.stringify(sbom, null, 2)}\n`);
console.log(`${out}: ${components.length} components`);

function component(registry, name, version, license) {
  const purl = `pkg:${registry}/${name.replace('@', '%40')}@${version}`;
  const licenses = license === undefined || license === null ? {} : { licenses: [{ expression: license }] };
  return { 'bom-ref': purl, type: 'library', name, version, purl, ...licenses };
}
