import { type Environment, type EnvLookups, Evaluation, type GitMount, type Resolved } from './evaluation.js';
import { parseText } from './grammar.js';
import { GrammarError } from './grammar-error.js';
import type { Origin } from './origin.js';
import { problem } from './problem.js';
import { isNode } from './python.js';
import { failed, ResolveError } from './resolve-error.js';
import {
  type ConfigMap,
  type ConfigValue,
  type Container,
  fullKey,
  isInterpolation,
  type MapNode,
  type Node,
} from './tree.js';

/** A tree unfolds into no more values than this, however often it refers to its own parts. */
const MAX_VALUES = 200_000;

export interface ResolveOptions {
  readonly env: Environment;
  /** Whether `auto_mount` is known: only where a job is compiled, not in the step. Default true. */
  readonly autoMount?: boolean;
}

/** Where a resolved value comes from: its place, and the variables that it asked for. */
export interface ValueOrigin {
  readonly origin: Origin | undefined;
  readonly variables: EnvLookups;
}

export interface ResolvedConfig<T extends ConfigValue = ConfigValue> {
  readonly value: T;
  /** By full key, `a.b[0]`. */
  readonly origins: ReadonlyMap<string, ValueOrigin>;
  readonly mounts: readonly GitMount[];
  readonly warnings: readonly string[];
}

/** Resolves every interpolation of a tree. Throws CONFIG_INTERPOLATION with the key and its place. */
export function resolveTree(root: MapNode, options: ResolveOptions): ResolvedConfig<ConfigMap>;
export function resolveTree(root: Node, options: ResolveOptions): ResolvedConfig;
export function resolveTree(root: Node, options: ResolveOptions): ResolvedConfig {
  const disabled = new Set(options.autoMount === false ? ['auto_mount'] : []);
  const evaluation = new Evaluation(options.env, disabled);
  const renderer = new Renderer(evaluation);
  const value = renderer.value(root);
  return { value, origins: renderer.origins, mounts: evaluation.mounts, warnings: evaluation.warnings };
}

class Renderer {
  readonly origins = new Map<string, ValueOrigin>();
  readonly #open = new Set<unknown>();
  #values = 0;

  constructor(readonly evaluation: Evaluation) {}

  value(node: Node): ConfigValue {
    this.#count(node);
    this.evaluation.lookups = new Map();
    const found = this.#dereference(node);
    this.origins.set(fullKey(node), { origin: node.origin, variables: this.evaluation.lookups });
    return this.#data(found, node);
  }

  #dereference(node: Node): Resolved {
    try {
      return this.evaluation.dereference(node);
    } catch (error) {
      throw located(error, node);
    }
  }

  #data(found: Resolved, at: Node): ConfigValue {
    if (Array.isArray(found)) return found.map((item) => this.#data(item, at));
    if (found instanceof Map) {
      return new Map([...found].map(([key, item]) => [key, this.#data(item as Resolved, at)]));
    }
    if (!isNode(found)) return found;
    if (found.kind === 'scalar') return isData(found.value) ? this.#data(found.value, at) : found.value;
    return this.#container(found, at);
  }

  #container(found: Container, at: Node): ConfigValue {
    if (this.#open.has(found)) throw located(failed('Recursive interpolation detected'), at);
    this.#open.add(found);
    try {
      if (found.kind === 'list') return found.items.map((item) => this.value(item));
      const map: ConfigMap = new Map();
      for (const [key, child] of found.entries) map.set(key, this.value(child));
      return map;
    } finally {
      this.#open.delete(found);
    }
  }

  #count(node: Node): void {
    this.#values += 1;
    if (this.#values > MAX_VALUES) {
      throw located(failed(`interpolations unfold into more than ${MAX_VALUES} values`), node);
    }
  }
}

/** Results of resolvers are held as scalars although they may be lists or maps. */
function isData(value: unknown): value is ConfigValue {
  return Array.isArray(value) || value instanceof Map;
}

function located(error: unknown, node: Node): unknown {
  if (error instanceof RangeError) return located(failed('interpolations are nested too deeply'), node);
  if (error instanceof GrammarError) return grammarProblem(error, node);
  if (!(error instanceof ResolveError)) return error;
  const key = fullKey(node);
  return problem(
    'CONFIG_INTERPOLATION',
    error.kind,
    `${error.message}, in the value of ${key === '' ? 'the root' : key}`,
    {
      key,
      origin: node.origin,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    },
  );
}

/** Checks the syntax of every interpolation, without resolving any. Throws CONFIG_INTERPOLATION. */
export function checkSyntax(node: Node): void {
  if (node.kind === 'list') for (const item of node.items) checkSyntax(item);
  else if (node.kind === 'map') for (const child of node.entries.values()) checkSyntax(child);
  else if (isInterpolation(node)) {
    try {
      parseText(node.value);
    } catch (error) {
      throw error instanceof GrammarError ? grammarProblem(error, node) : error;
    }
  }
}

function grammarProblem(error: GrammarError, node: Node) {
  const key = fullKey(node);
  return problem('CONFIG_INTERPOLATION', 'GrammarParseError', `${key}: ${error.message}`, {
    key,
    origin: node.origin,
    hint: 'close every interpolation with a brace, quote arguments with other characters, or put a backslash before it for the text itself',
  });
}
