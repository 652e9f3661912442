import { NemotronError } from '@nemotron-convert/core';
import { type Element, type Interpolation, type Part, parseText } from './grammar.js';
import { isNode, pythonText, pythonType } from './python.js';
import { failed, ResolveError } from './resolve-error.js';
import { type Call, RESOLVERS, type ResolverRow } from './resolvers.js';
import { aboveTop, NotAContainer, selectNode, startOf } from './select.js';
import {
  type ConfigMap,
  type ConfigValue,
  type Container,
  isInterpolation,
  isMissing,
  type Key,
  type Node,
  presentKey,
  type ScalarNode,
} from './tree.js';

/** A node of the config, or data that a resolver made. */
export type Resolved = ConfigValue | Node;

export type Environment = Readonly<Record<string, string | undefined>>;

/** A repository that `auto_mount` asks the job to clone. */
export interface GitMount {
  readonly name: string;
  readonly url: string;
  readonly ref: string;
  readonly target: string | undefined;
}

/** The variables that a value asked for, and whether they are set. */
export type EnvLookups = ReadonlyMap<string, boolean>;

/** No value of a configuration is longer; doubling interpolations end here. */
const MAX_TEXT = 10_000_000;

/** One resolution of a tree: lazy, with every node computed once and loops detected. */
export class Evaluation {
  readonly mounts: GitMount[] = [];
  readonly warnings: string[] = [];
  /** Collects the variables of the value being resolved. */
  lookups = new Map<string, boolean>();
  readonly #done = new Map<Node, { readonly value: Resolved; readonly lookups: EnvLookups }>();
  readonly #active = new Set<Node>();

  constructor(
    readonly env: Environment,
    readonly disabled: ReadonlySet<string> = new Set(),
  ) {}

  /** The node itself, or what its interpolation stands for. Throws ResolveError. */
  dereference(node: Node): Resolved {
    if (!isInterpolation(node)) return node;
    const known = this.#done.get(node);
    if (known !== undefined) {
      for (const [name, set] of known.lookups) this.lookups.set(name, set);
      return known.value;
    }
    if (this.#active.has(node)) throw failed('Recursive interpolation detected');
    const outer = this.lookups;
    this.lookups = new Map();
    this.#active.add(node);
    try {
      const value = this.#text(parseText(node.value), parentOf(node), node);
      this.#done.set(node, { value, lookups: this.lookups });
      return value;
    } catch (error) {
      if (error instanceof RangeError) throw failed('interpolations are nested too deeply');
      throw error;
    } finally {
      this.#active.delete(node);
      for (const [name, set] of this.lookups) outer.set(name, set);
      this.lookups = outer;
    }
  }

  lookup(name: string): string | undefined {
    const value = Object.hasOwn(this.env, name) ? this.env[name] : undefined;
    this.lookups.set(name, value !== undefined);
    return value;
  }

  warn(message: string): void {
    this.warnings.push(message);
  }

  mount(mount: GitMount): void {
    this.mounts.push(mount);
  }

  /** `oc.select`: undefined where a key is absent, still to be given, or unreachable. */
  select(key: string, parent: Container): Resolved | undefined {
    const found = this.target(key, parent);
    return found === undefined || isMissing(found) ? undefined : (scalarOf(found) as Resolved);
  }

  /** The node at a key, its own interpolation followed. */
  target(key: string, parent: Container, strict = false): Node | undefined {
    const start = startOf(key, parent);
    if (start === undefined) throw failed(aboveTop(key));
    try {
      return this.#followed(selectNode(start.from, start.rest, (node) => this.dereference(node), strict));
    } catch (error) {
      if (error instanceof NotAContainer) return undefined;
      throw error;
    }
  }

  #followed(node: Node | undefined): Node | undefined {
    if (node === undefined) return undefined;
    const value = this.dereference(node);
    return isNode(value) ? value : resultNode(value, node);
  }

  #text(parts: readonly Part[], parent: Container, node: Node): Resolved {
    const [only] = parts;
    if (parts.length === 1 && typeof only === 'object') return this.#interpolation(only, parent, node);
    return this.#joined(parts, parent, node);
  }

  #joined(parts: readonly Part[], parent: Container, node: Node): string {
    let out = '';
    for (const part of parts) {
      out += typeof part === 'string' ? part : pythonText(this.#interpolation(part, parent, node));
      if (out.length > MAX_TEXT) throw failed(`the text grows beyond ${MAX_TEXT} characters`);
    }
    return out;
  }

  #interpolation(found: Interpolation, parent: Container, node: Node): Resolved {
    if (found.kind === 'node') return this.#node(this.#names(found.key, parent, node), parent);
    const name = this.#names(found.name, parent, node);
    const args = found.args.map((arg) => scalarOf(this.element(arg, parent, node)));
    const row = this.disabled.has(name) ? undefined : RESOLVERS.get(name);
    if (row === undefined) {
      throw new ResolveError(
        'UnsupportedInterpolationType',
        `Unsupported interpolation type ${name}`,
        `known: ${[...RESOLVERS.keys()].filter((key) => !this.disabled.has(key)).join(', ')}`,
      );
    }
    const [least, most] = row.arity;
    if (args.length < least || args.length > most) {
      throw failed(
        `${name} takes ${least === most ? least : `${least} to ${most}`} arguments, not ${args.length}`,
      );
    }
    return this.#call(row, { args, parent, node, evaluation: this });
  }

  #call(row: ResolverRow, call: Call): Resolved {
    try {
      return row.call(call);
    } catch (error) {
      // YAML inside an argument fails like any other argument.
      if (error instanceof NemotronError) throw failed(error.message);
      throw error;
    }
  }

  /** Joins keys; a nested interpolation must give text. */
  #names(parts: readonly Part[], parent: Container, node: Node): string {
    return parts
      .map((part) => {
        if (typeof part === 'string') return part;
        const value = scalarOf(this.#interpolation(part, parent, node));
        if (typeof value === 'string') return value;
        throw failed(`an interpolation used as a key must give text, not ${pythonType(value)}`);
      })
      .join('');
  }

  #node(key: string, parent: Container): Node {
    const start = startOf(key, parent);
    if (start === undefined) throw new ResolveError('InterpolationKeyError', aboveTop(key));
    const { from, rest } = start;
    let found: Node | undefined;
    try {
      found = this.#followed(selectNode(from, rest, (node) => this.dereference(node), true));
    } catch (error) {
      if (error instanceof NotAContainer) throw failed(error.message);
      throw error;
    }
    if (found === undefined)
      throw new ResolveError('InterpolationKeyError', `Interpolation key '${rest}' not found`);
    for (let at: Node | undefined = parent; at !== undefined; at = at.parent) {
      if (at === found) throw failed('Interpolation to parent node detected');
    }
    return found;
  }

  element(element: Element, parent: Container, node: Node): Resolved {
    switch (element.kind) {
      case 'value':
        return element.value;
      case 'text':
        return this.#text(element.parts, parent, node);
      case 'quoted':
        return this.#joined(element.parts, parent, node);
      case 'list':
        return element.items.map((item) => data(this.element(item, parent, node)));
      case 'dict': {
        const map: ConfigMap = new Map();
        for (const [written, item] of element.entries) {
          const key = data(this.element(written, parent, node)) as Key;
          map.set(presentKey(map, key), data(this.element(item, parent, node)));
        }
        return map;
      }
    }
  }
}

function data(value: Resolved): ConfigValue {
  // A container inside a literal stays a node; writers and readers of data treat it alike.
  return scalarOf(value) as ConfigValue;
}

function scalarOf(value: Resolved): Resolved {
  return isNode(value) && value.kind === 'scalar' ? value.value : value;
}

function parentOf(node: ScalarNode): Container {
  if (node.parent === undefined) throw failed('cannot resolve an interpolation outside a config');
  return node.parent;
}

/** Data that a resolver made, as a node in the place of its interpolation. */
function resultNode(value: ConfigValue, at: Node): Node {
  return { kind: 'scalar', value: value as never, parent: at.parent, key: at.key, origin: at.origin };
}
