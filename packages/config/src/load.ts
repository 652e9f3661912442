import { parseDotlist } from './dotlist.js';
import type { Environment } from './evaluation.js';
import { findConfig, loadFile } from './files.js';
import { merge } from './merge.js';
import { type ResolvedConfig, resolveTree, type ValueOrigin } from './resolve.js';
import { type ConfigValue, type Node, plain } from './tree.js';

export interface LoadConfigOptions {
  /** Where bare names are looked up; without it every name is a path. */
  readonly configDir?: string;
  /** Overrides such as `a.b=1`, merged over the file in order. */
  readonly dotlist?: readonly string[];
  /** The variables that `oc.env` sees. Default: none. */
  readonly env?: Environment;
  readonly cwd: string;
}

/** A loaded configuration. */
export interface LoadedConfig {
  /** The nodes, with origins. */
  readonly tree: Node;
  /** Merged, with interpolations as written. */
  readonly raw: ConfigValue;
  /** Every interpolation resolved; computed on first use. Throws CONFIG_INTERPOLATION. */
  readonly config: ConfigValue;
  /** Where each resolved value comes from, by full key. Throws as `config` does. */
  readonly origins: ReadonlyMap<string, ValueOrigin>;
}

/** Finds a configuration, follows its `defaults:`, and merges the overrides. */
export function loadConfig(nameOrPath: string, options: LoadConfigOptions): LoadedConfig {
  const { configDir, dotlist = [], env = {}, cwd } = options;
  const loaded = loadFile(findConfig(nameOrPath, { configDir, cwd }), { cwd, env });
  return describe(applyDotlist(loaded, dotlist, env), env);
}

/** Overrides alone, merged onto nothing. */
export function loadDotlist(dotlist: readonly string[], env: Environment = {}): LoadedConfig {
  return describe(parseDotlist(dotlist), env);
}

/** Merges overrides over a tree. Throws CONFIG_MERGE, CONFIG_SYNTAX, CONFIG_INTERPOLATION. */
export function applyDotlist(tree: Node, dotlist: readonly string[], env: Environment): Node {
  return dotlist.length === 0 ? tree : merge(tree, parseDotlist(dotlist), env);
}

function describe(tree: Node, env: Environment): LoadedConfig {
  let resolved: ResolvedConfig | undefined;
  const lazily = () => {
    resolved ??= resolveTree(tree, { env });
    return resolved;
  };
  return {
    tree,
    raw: plain(tree),
    get config() {
      return lazily().value;
    },
    get origins() {
      return lazily().origins;
    },
  };
}
