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
  /** The chosen profile, resolved. */
  readonly profile: { readonly name: string; readonly env: ConfigMap } | undefined;
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
  if (input.wandb !== undefined) setEntry(run, 'wandb', nodeFrom(input.wandb));
  if (input.artifacts !== undefined) setEntry(job, 'artifacts', artifacts(job, input.artifacts));
  return dotlist.length === 0 ? job : (merge(job, parseDotlist(dotlist), env) as MapNode);
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
  for (const [key, value] of profile ?? []) {
    const present = own.entries.get(key);
    const owned = present !== undefined && OWNED_BY_CONFIG.some((name) => name === key);
    if (!owned) setEntry(merged, key, combined(key, present, value));
  }
  return merged;
}

function combined(key: unknown, own: Node | undefined, profile: ConfigValue): Node {
  const node = nodeFrom(profile);
  if (key === 'env_vars' && own?.kind === 'map' && node.kind === 'map') {
    const both = copyNode(own) as MapNode;
    for (const [name, value] of node.entries) setEntry(both, name, value);
    return both;
  }
  if (key === 'mounts' && own?.kind === 'list' && Array.isArray(profile)) {
    return nodeFrom([...(plain(own) as ConfigValue[]), ...profile]);
  }
  return node;
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

/** The resolved `run.env` of a job, with the repositories to mount. Throws CONFIG_INTERPOLATION. */
export function resolveRunEnv(job: MapNode, env: Environment) {
  const run = job.entries.get('run');
  const runEnvNode = run?.kind === 'map' ? run.entries.get('env') : undefined;
  const resolved = resolveTree(runEnvNode ?? mapNode(), { env });
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
