import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { readTop } from './document.js';
import type { Environment } from './evaluation.js';
import { merge } from './merge.js';
import type { Source } from './origin.js';
import { type ProblemKind, problem } from './problem.js';
import { checkSyntax, resolveTree } from './resolve.js';
import { type ConfigValue, copyNode, isInterpolation, type MapNode, mapNode, type Node } from './tree.js';

export interface FindOptions {
  /** The directory of the named configurations; without it every name is a path. */
  readonly configDir?: string | undefined;
  readonly cwd: string;
}

/**
 * The file of a configuration: a name with a slash or ending in .yaml or .yml is a path from the working directory,
 * any other a name in the config directory. Throws CONFIG_MISSING.
 */
export function findConfig(name: string, { configDir, cwd }: FindOptions): string {
  if (configDir === undefined || name.includes('/') || name.endsWith('.yaml') || name.endsWith('.yml')) {
    const path = resolve(cwd, name);
    if (exists(path)) return path;
    throw problem('CONFIG_MISSING', 'FileNotFoundError', `Config file not found: ${name}`);
  }
  for (const suffix of ['.yaml', '.yml']) {
    const path = join(configDir, name + suffix);
    if (exists(path)) return path;
  }
  throw problem(
    'CONFIG_MISSING',
    'FileNotFoundError',
    `Config '${name}' not found in ${configDir}. Tried: ${name}.yaml, ${name}.yml`,
  );
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Files larger than this are no configurations; the reader has the same limit in characters. */
const MAX_BYTES = 4_000_000;

/** Reads a text file with errors that name it. Throws CONFIG_MISSING, CONFIG_SYNTAX. */
export function readSource(path: string, cwd: string): Source {
  const bytes = readBytes(path);
  const name = displayName(path, cwd);
  try {
    return { name, path, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch (cause) {
    throw problem('CONFIG_SYNTAX', 'UnicodeDecodeError', `${name} is not UTF-8 text`, {
      hint: 'save the file as UTF-8',
      cause,
    });
  }
}

function readBytes(path: string): Buffer {
  try {
    const { size } = statSync(path);
    if (size > MAX_BYTES) {
      throw problem('CONFIG_SYNTAX', 'OSError', `${path} has ${size} bytes: too large for a configuration`);
    }
    return readFileSync(path);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? REASONS.get(String(cause.code)) : undefined;
    if (reason === undefined) throw cause;
    throw problem('CONFIG_MISSING', reason[0], `${reason[1]}: ${path}`, { cause });
  }
}

const REASONS: ReadonlyMap<string, readonly [ProblemKind, string]> = new Map([
  ['ENOENT', ['FileNotFoundError', 'no such file']],
  ['EISDIR', ['IsADirectoryError', 'is a directory, not a file']],
  ['EACCES', ['OSError', 'permission denied']],
]);

function displayName(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short === '' || short.startsWith('..') || isAbsolute(short) ? path : short;
}

export interface LoadOptions {
  readonly cwd: string;
  readonly env: Environment;
}

/** Reads one YAML file without following `defaults:`. The top is a map or a list. */
export function readConfigFile(path: string, { cwd }: { readonly cwd: string }): Node {
  const node = readTop(readSource(path, cwd));
  checkSyntax(node);
  return node;
}

/** Reads a YAML file and the files that its `defaults:` names, bases first. Throws CONFIG_MISSING, CONFIG_MERGE. */
export function loadFile(path: string, options: LoadOptions, chain: readonly string[] = []): Node {
  if (chain.includes(path)) {
    throw problem(
      'CONFIG_MERGE',
      'ValueError',
      `Cyclic config inheritance detected: ${[...chain, path].join(' -> ')}`,
      { hint: 'remove one of the defaults: that form the circle' },
    );
  }
  const own = readConfigFile(path, options);
  if (own.kind !== 'map') return own;
  const bases = basesOf(own, options.env).filter((name) => name !== '_self_');
  if (bases.length === 0) return own;
  let merged: Node = mapNode(own.origin);
  for (const name of bases) {
    if (/^[./]*$/.test(name) && !name.endsWith('..')) {
      throw problem('CONFIG_MISSING', 'ValueError', `'${name}' in defaults: has no file name`, {
        origin: own.entries.get('defaults')?.origin,
      });
    }
    const base = basePath(name, path);
    if (!exists(base.path)) {
      throw problem(
        'CONFIG_MISSING',
        'FileNotFoundError',
        `Base config '${base.name}' referenced from ${basename(path)} does not exist`,
        {
          origin: own.entries.get('defaults')?.origin,
          hint: `it is looked for beside that file: ${base.path}`,
        },
      );
    }
    merged = merge(merged, loadFile(base.path, options, [...chain, path]), options.env);
  }
  const rest = copyNode(own) as MapNode;
  rest.entries.delete('defaults');
  return merge(merged, rest, options.env);
}

function basePath(name: string, from: string): { readonly name: string; readonly path: string } {
  const full = extname(name) === '' || name.endsWith('.') ? `${name}.yaml` : name;
  return { name: full, path: resolve(dirname(from), full) };
}

/** The bases that a config names; anything but a text or a list of texts is an ordinary key. */
function basesOf(own: MapNode, env: Environment): readonly string[] {
  const defaults = own.entries.get('defaults');
  if (defaults === undefined) return [];
  if (defaults.kind === 'scalar') {
    const value = isInterpolation(defaults) ? resolvedDefaults(own, env) : defaults.value;
    return typeof value === 'string' ? [value] : [];
  }
  if (defaults.kind === 'map') return [];
  const names = defaults.items.map((item) => (item.kind === 'scalar' ? item.value : null));
  return names.every((name): name is string => typeof name === 'string') ? names : [];
}

function resolvedDefaults(own: MapNode, env: Environment): ConfigValue {
  const copy = copyNode(own) as MapNode;
  const defaults = copy.entries.get('defaults');
  return defaults === undefined ? null : resolveTree(defaults, { env }).value;
}
