import { parseDotlist } from './dotlist.js';
import type { Environment } from './evaluation.js';
import { merge } from './merge.js';
import { problem } from './problem.js';
import { rewriteForRemote } from './remote-paths.js';
import { resolveTree } from './resolve.js';
import { fillRunValues, isArtifactReference } from './run-values.js';
import {
  type ConfigMap,
  type ConfigValue,
  copyNode,
  type MapNode,
  mapNode,
  mapTexts,
  type Node,
  nodeFrom,
  plain,
  scalarNode,
  setEntry,
} from './tree.js';

export type Mode = 'local' | 'run' | 'batch';

export interface JobInput {
  /** The merged configuration: the training config and its own `run` section. */
  readonly config: Node;
  readonly mode: Mode;
  /** The chosen profile, resolved; an empty name has nothing to resolve. */
  readonly profile: { readonly name: string; readonly env: ConfigMap | undefined } | undefined;
  readonly cli: {
    readonly argv: readonly string[];
    readonly dotlist: readonly string[];
    readonly passthrough: readonly string[];
    readonly config: string;
  };
  readonly recipe: { readonly name: string; readonly script: string };
  /** `[wandb]` and `[artifacts]` of env.toml, resolved. */
  readonly wandb?: ConfigMap | undefined;
  readonly artifacts?: ConfigMap | undefined;
}

/** Keys of run.env on which the configuration has the last word over the profile. */
const OWNED_BY_CONFIG = [
  'container_image',
  'nodes',
  'gpus_per_node',
  'ntasks_per_node',
  'nproc_per_node',
] as const;

/**
 * The job: the training config at the root, and a `run` section that says what is run, where, and how it was asked for.
 * The overrides are merged once more, so that the command line wins over the profile. Throws CONFIG_MERGE.
 */
export function compileJob(input: JobInput, env: Environment): MapNode {
  if (input.config.kind !== 'map') {
    throw problem('CONFIG_MERGE', 'TypeError', 'a configuration must be a map', {
      origin: input.config.origin,
    });
  }
  const job = copyNode(input.config) as MapNode;
  // An empty table of env.toml counts as none; a new `artifacts` comes before a new `run`.
  if (isFilled(input.artifacts)) setEntry(job, 'artifacts', artifacts(job, input.artifacts));
  const run = section(job, 'run');
  setEntry(run, 'mode', scalarNode(input.mode));
  setEntry(run, 'profile', scalarNode(input.profile?.name ?? null));
  setEntry(run, 'env', runEnv(section(run, 'env'), input.profile?.env));
  const { argv, dotlist, passthrough, config } = input.cli;
  setEntry(
    run,
    'cli',
    fromEntries({ argv: [...argv], dotlist: [...dotlist], passthrough: [...passthrough], config }),
  );
  setEntry(run, 'recipe', fromEntries({ ...input.recipe }));
  if (isFilled(input.wandb)) setEntry(run, 'wandb', nodeFrom(input.wandb));
  return dotlist.length === 0 ? job : (merge(job, parseDotlist(dotlist), env) as MapNode);
}

function isFilled(table: ConfigMap | undefined): table is ConfigMap {
  return table !== undefined && table.size > 0;
}

function fromEntries(values: Readonly<Record<string, ConfigValue>>): Node {
  return nodeFrom(new Map(Object.entries(values)));
}

/** A map inside a map, made when absent; anything else in its place is an error. */
function section(map: MapNode, key: string): MapNode {
  const found = map.entries.get(key);
  if (found?.kind === 'map') return found;
  if (found !== undefined) {
    throw problem('CONFIG_MERGE', 'TypeError', `${key} must be a map`, { key, origin: found.origin });
  }
  const made = mapNode();
  setEntry(map, key, made);
  return made;
}

/** The configuration's keys, the profile's on top; `env_vars` merged, `mounts` joined, owned keys given back. */
function runEnv(own: MapNode, profile: ConfigMap | undefined): Node {
  const merged = copyNode(own) as MapNode;
  if (profile === undefined) return merged;
  for (const [key, value] of profile) {
    const present = own.entries.get(key);
    const owned = present !== undefined && OWNED_BY_CONFIG.some((name) => name === key);
    if (!owned) setEntry(merged, key, nodeFrom(value));
  }
  const both = (key: string) => [own.entries.get(key), merged.entries.get(key)].filter(isTruthy);
  const variables = both('env_vars');
  if (variables.length > 0) {
    const map = mapNode();
    for (const node of variables) {
      if (node.kind !== 'map') throw wrongKind('env_vars', 'a map of variables', node);
      for (const [name, value] of node.entries) setEntry(map, name, copyNode(value));
    }
    setEntry(merged, 'env_vars', map);
  }
  const mounts = [
    own.entries.get('mounts'),
    profile.has('mounts') ? merged.entries.get('mounts') : undefined,
  ];
  const lists = mounts.filter(isTruthy).map((node) => {
    if (node.kind !== 'list') throw wrongKind('mounts', 'a list', node);
    return plain(node) as ConfigValue[];
  });
  if (lists.length > 0) setEntry(merged, 'mounts', nodeFrom(lists.flat()));
  return merged;
}

/** What Python takes for true: an empty map, list or text and zero count as absent. */
function isTruthy(node: Node | undefined): node is Node {
  if (node === undefined) return false;
  if (node.kind === 'map') return node.entries.size > 0;
  return node.kind === 'list' ? node.items.length > 0 : Boolean(node.value);
}

function wrongKind(key: string, expected: string, { origin }: Node) {
  return problem('CONFIG_MERGE', 'TypeError', `run.env.${key} must be ${expected}`, {
    key: `run.env.${key}`,
    origin,
  });
}

/** The table of env.toml with the configuration's keys on top, one level deep. */
function artifacts(job: MapNode, table: ConfigMap): Node {
  const node = nodeFrom(table) as MapNode;
  const own = job.entries.get('artifacts');
  if (own?.kind === 'map') for (const [key, value] of own.entries) setEntry(node, key, copyNode(value));
  return node;
}

/**
 * The training config that the step gets: the job without `run` (but for artifact references), `${run.*}` filled in,
 * paths rewritten when it will run elsewhere. Other interpolations stay: the step resolves them where it runs.
 */
export function trainTree(job: MapNode, remoteFrom?: string): MapNode {
  const run = runSection(job);
  const config = copyNode(job) as MapNode;
  config.entries.delete('run');
  const filled = mapTexts(config, (text) => fillRunValues(text, run));
  const references = [...run].filter(([, value]) => typeof value === 'string' && isArtifactReference(value));
  if (references.length > 0) setEntry(filled, 'run', nodeFrom(new Map(references)));
  return remoteFrom === undefined ? filled : mapTexts(filled, (text) => rewriteForRemote(text, remoteFrom));
}

/** The `run` section as data, unresolved. */
export function runSection(job: MapNode): ConfigMap {
  const run = job.entries.get('run');
  return run?.kind === 'map' ? plain(run) : new Map();
}

/** The resolved `run.env` of a job, or some keys of it, with the repositories to mount. Throws CONFIG_INTERPOLATION. */
export function resolveRunEnv(job: MapNode, env: Environment, keys?: readonly string[]) {
  const run = job.entries.get('run');
  const found = run?.kind === 'map' ? run.entries.get('env') : undefined;
  if (keys !== undefined && found?.kind === 'map') {
    const parts = keys.flatMap((key) => {
      const node = found.entries.get(key);
      return node === undefined ? [] : [{ key, ...resolveTree(node, { env }) }];
    });
    const value: ConfigMap = new Map(parts.map((part) => [part.key, part.value]));
    return { value, mounts: parts.flatMap(({ mounts }) => mounts) };
  }
  const resolved = resolveTree(found ?? mapNode(), { env });
  const value = resolved.value instanceof Map ? resolved.value : (new Map() as ConfigMap);
  return { value, mounts: resolved.mounts };
}

/** `<time>-<recipe name with dashes>`, the name of a job's directory. */
export function jobDirectoryName(recipe: string, now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  return `${date}-${time}-${recipe.replaceAll('/', '-')}`;
}
