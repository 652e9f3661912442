import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BEGIN = '<!-- picture: written by npm run docs from the manifests -->';
const END = '<!-- end of picture -->';

/** docs/architecture.md with the picture of packages and crates that their manifests give. */
export function withPicture(text) {
  const [before, rest] = text.split(BEGIN);
  return `${before}${BEGIN}\n\n\`\`\`mermaid\n${picture()}\n\`\`\`\n\n${END}${rest.split(END)[1]}`;
}

function picture() {
  const packages = graph('packages', 'package.json', (text) =>
    Object.keys(JSON.parse(text).dependencies ?? {}).flatMap(
      (name) => name.match(/^@nemotron-convert\/(\w+)$/)?.[1] ?? [],
    ),
  );
  const crates = graph('crates', 'Cargo.toml', (text) =>
    Array.from(text.matchAll(/^(ckpt_\w+)\b/gm), ([name]) => name),
  );
  return [
    'flowchart BT',
    ...group('packages', 'TypeScript decides', packages),
    ...group('crates', 'Rust moves bytes', crates),
    '  ckpt_node -.->|one .node file| native',
    '  ckpt_wasm -.->|one .wasm file| native',
  ].join('\n');
}

/** What each member needs directly, without what it has through another one. */
function graph(folder, manifest, needs) {
  const members = readdirSync(join(ROOT, folder)).sort();
  const direct = new Map(
    members.map((name) => [
      name,
      needs(readFileSync(join(ROOT, folder, name, manifest), 'utf8')).filter((other) =>
        members.includes(other),
      ),
    ]),
  );
  const all = (name) => (direct.get(name) ?? []).flatMap((other) => [other, ...all(other)]);
  return new Map(
    [...direct].map(([name, others]) => [
      name,
      others.filter((other) => !others.some((third) => all(third).includes(other))),
    ]),
  );
}

function group(id, title, members) {
  const arrows = [...members].flatMap(([name, others]) => others.map((other) => `    ${other} --> ${name}`));
  return [
    `  subgraph ${id}["${title}"]`,
    ...[...members.keys()].map((name) => `    ${name}`),
    ...arrows,
    '  end',
  ];
}
