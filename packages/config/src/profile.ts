import { statSync } from 'node:fs';

import { dirname, join, resolve } from 'node:path';
import type { Environment } from './evaluation.js';
import { readSource } from './files.js';
import { merge } from './merge.js';
import type { Source } from './origin.js';
import { problem } from './problem.js';
import { checkSyntax, resolveTree } from './resolve.js';
import { readToml } from './toml.js';
import { type ConfigMap, copyNode, type MapNode, mapNode, type Node, plain, setEntry } from './tree.js';

/** Tables of env.toml that are no profiles. */
export const RESERVED_SECTIONS = ['wandb', 'cli', 'cache', 'artifacts'] as const;
export type ReservedSection = (typeof RESERVED_SECTIONS)[number];

/** An env.toml: every top-level table is a profile, but for the reserved ones. */
export interface ProfileFile {
  readonly source: Source | undefined;
  readonly tables: ReadonlyMap<string, Node>;
}

export interface Profile {
  readonly raw: ConfigMap;
  readonly tree: MapNode;
}

/** The nearest env.toml upwards, not above a directory with pyproject.toml (which is still looked at). */
export function findEnvToml(cwd: string): string | undefined {
  for (let directory = resolve(cwd); ; directory = dirname(directory)) {
    const path = join(directory, 'env.toml');
    if (statSync(path, { throwIfNoEntry: false }) !== undefined) return path;
    const isTop = statSync(join(directory, 'pyproject.toml'), { throwIfNoEntry: false }) !== undefined;
    if (isTop || dirname(directory) === directory) return undefined;
  }
}

/** The env.toml in force: NEMOTRON_ENV_FILE when set and not empty (it must exist), else the nearest one. */
export function envTomlPath(cwd: string, env: Environment): string | undefined {
  const named = env.NEMOTRON_ENV_FILE;
  if (named === undefined || named === '') return findEnvToml(cwd);
  const home = env.HOME ?? '';
  return resolve(cwd, named.replace(/^~(?=\/|$)/, home));
}

/** Reads the env.toml in force; without one there are no profiles. Throws CONFIG_MISSING, PROFILE_INVALID. */
export function readProfiles(cwd: string, env: Environment): ProfileFile {
  const path = envTomlPath(cwd, env);
  if (path === undefined) return { source: undefined, tables: new Map() };
  const source = readSource(path, cwd);
  const root = readToml(source, 'PROFILE_INVALID');
  const tables = new Map<string, Node>();
  for (const [name, value] of root.entries) tables.set(String(name), detached(value));
  return { source, tables };
}

/** A table as a tree of its own: its interpolations see nothing of the rest of the file. */
function detached(node: Node): Node {
  node.parent = undefined;
  node.key = undefined;
  return node;
}

/** A profile with its parents merged under it. Throws PROFILE_INVALID. */
export function readProfile(file: ProfileFile, name: string, env: Environment): Profile {
  const tree = inherited(file, name, env, []);
  checkSyntax(tree);
  return { raw: plain(tree), tree };
}

function inherited(file: ProfileFile, name: string, env: Environment, chain: readonly string[]): MapNode {
  if (chain.includes(name)) {
    throw problem('PROFILE_INVALID', 'ValueError', `Circular profile inheritance detected: ${name}`, {
      hint: 'remove one of the extends that form the circle',
    });
  }
  const table = file.tables.get(name);
  if (table === undefined) throw unknownProfile(file, name, chain.at(-1));
  if (table.kind !== 'map') {
    throw problem('PROFILE_INVALID', 'AttributeError', `'${name}' in env.toml is not a table`, {
      origin: table.origin,
      hint: `write [${name}] and its keys below`,
    });
  }
  const parent = table.entries.get('extends');
  const own = mapNode(table.origin);
  for (const [key, value] of table.entries) if (key !== 'extends') setEntry(own, key, copyNode(value));
  if (parent === undefined || (parent.kind === 'scalar' && !parent.value)) return own;
  if (parent.kind !== 'scalar') {
    throw problem('PROFILE_INVALID', 'TypeError', `Profile '${name}': extends takes one name`, {
      origin: table.origin,
    });
  }
  const base = inherited(file, String(parent.value), env, [...chain, name]);
  return merge(base, own, env) as MapNode;
}

function unknownProfile(file: ProfileFile, name: string, child: string | undefined) {
  const available = [...file.tables.keys()].filter(
    (key) => !RESERVED_SECTIONS.some((section) => section === key),
  );
  if (child !== undefined) {
    return problem('PROFILE_INVALID', 'ValueError', `Profile '${child}' extends unknown profile '${name}'`);
  }
  const list = available.map((key) => `'${key}'`).join(', ');
  return problem(
    'PROFILE_INVALID',
    'ValueError',
    `Profile '${name}' not found in env.toml. Available: [${list}]`,
    {
      hint:
        file.source === undefined
          ? 'no env.toml was found here or above; write one, or set NEMOTRON_ENV_FILE'
          : `profiles are the tables of ${file.source.name}`,
    },
  );
}

/** One of the reserved sections, resolved; undefined when the file has none. Throws CONFIG_INTERPOLATION. */
export function readSection(
  file: ProfileFile,
  name: ReservedSection,
  env: Environment,
): ConfigMap | undefined {
  const table = file.tables.get(name);
  if (table === undefined || table.kind !== 'map') return undefined;
  checkSyntax(table);
  return resolveTree(table, { env }).value;
}
