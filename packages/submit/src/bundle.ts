import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import type { TarEntry } from './tar.js';

/** A copy of the installed tool that runs on its own: Node.js, the package, what it depends on, the native addon. */
export interface Bundle {
  readonly entries: readonly TarEntry[];
  /** Changes with the files, so that a cluster keeps one copy of each. */
  readonly digest: string;
}

/** What a package needs at run time; everything else of it stays here. */
const PARTS = ['package.json', 'bin', 'dist', 'lib', 'binding', 'wasm', 'steps', 'index.js'];
const UNUSED = /\.(?:ts|map|tsbuildinfo|md)$|\.d\.(?:ts|cts|mts)$/;

/** Collects the package in a directory with its dependencies, each once, as a flat node_modules. */
export function collectBundle(packageDir: string, node: string, steps: string): Bundle {
  const entries: TarEntry[] = [fileEntry('bin/node', node, 0o755)];
  const seen = new Set<string>();
  const add = (dir: string): void => {
    const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as {
      readonly name: string;
      readonly main?: string;
      readonly dependencies?: Readonly<Record<string, string>>;
      readonly optionalDependencies?: Readonly<Record<string, string>>;
    };
    if (seen.has(manifest.name)) return;
    seen.add(manifest.name);
    const isOurs = /^(?:@nemotron-convert\/|nemotron-convert$)/.test(manifest.name);
    // The addon of a platform's package is its main file.
    const own = manifest.main === undefined ? PARTS : [...PARTS, manifest.main];
    for (const file of filesOf(dir, isOurs ? own : undefined)) {
      entries.push(fileEntry(`node_modules/${manifest.name}/${relative(dir, file)}`, file, 0o644));
    }
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      const found = packageOf(name, dir);
      if (found === undefined) throw new Error(`${name}, which ${dir} depends on, is not installed`);
      add(found);
    }
    for (const name of Object.keys(manifest.optionalDependencies ?? {})) {
      const found = packageOf(name, dir);
      if (found !== undefined) add(found);
    }
  };
  add(packageDir);
  // In the repository the steps lie outside the package.
  if (!existsSync(join(packageDir, 'steps'))) {
    for (const file of walk(steps)) {
      entries.push(fileEntry(`node_modules/nemotron-convert/steps/${relative(steps, file)}`, file, 0o644));
    }
  }
  entries.sort((a, b) => (a.path < b.path ? -1 : 1));
  const hash = createHash('sha256');
  for (const entry of entries) {
    if ('from' in entry) hash.update(`${entry.path} ${entry.bytes} ${statSync(entry.from).mtimeMs}\n`);
  }
  return { entries, digest: hash.digest('hex').slice(0, 16) };
}

/** The files of a package: of its parts, or all of them. */
function filesOf(dir: string, parts: readonly string[] | undefined): string[] {
  const top = parts?.map((name) => join(dir, name)).filter((path) => existsSync(path)) ?? [dir];
  return top
    .flatMap((path) => (statSync(path).isDirectory() ? walk(path) : [path]))
    .filter((file) => !UNUSED.test(file));
}

function walk(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.name === 'node_modules') return [];
    return entry.isDirectory() ? walk(path) : entry.isFile() ? [path] : [];
  });
}

/** The directory of a dependency. Its package.json may not be exported, so the search goes by directories. */
function packageOf(name: string, from: string): string | undefined {
  for (const place of createRequire(join(from, 'package.json')).resolve.paths(name) ?? []) {
    const dir = join(place, name);
    if (existsSync(join(dir, 'package.json'))) return dir;
  }
  return undefined;
}

function fileEntry(path: string, from: string, mode: number): TarEntry {
  return { path, from, bytes: statSync(from).size, mode };
}
