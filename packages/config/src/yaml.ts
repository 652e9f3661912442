import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
  type Node as YamlNode,
} from 'yaml';
import type { Origin, Source } from './origin.js';
import { type ProblemKind, problem } from './problem.js';
import {
  type Key,
  listNode,
  mapNode,
  type Node,
  type Scalar,
  scalarNode,
  setEntry,
  setItem,
} from './tree.js';
import { nestedTooDeep, parseDocuments } from './yaml-text.js';
import {
  CORE_TAG,
  isMergeKey,
  isValueKey,
  noConstructor,
  type ScalarYaml,
  scalarValue,
} from './yaml-value.js';

/** Deeper than any configuration, far from the end of the stack. */
const MAX_DEPTH = 200;
/** Nodes that aliases may add: a file of a few lines must not unfold into gigabytes. */
const MAX_ALIASED = 10_000;

/** Reads one YAML document as OmegaConf's loader does. An empty document is null. Throws CONFIG_SYNTAX. */
export function readYaml(source: Source): Node {
  const lines = new LineCounter();
  return new Reader(source, lines).document(parseDocuments(source, lines, MAX_DEPTH));
}

function tooDeep(source: Source) {
  return nestedTooDeep(source, MAX_DEPTH);
}

class Reader {
  #aliased = 0;
  #inAlias = 0;
  readonly #anchors = new Map<string, YamlNode>();

  constructor(
    readonly source: Source,
    readonly lines: LineCounter,
  ) {}

  document(documents: ReturnType<typeof parseDocuments>): Node {
    if (!Array.isArray(documents)) return scalarNode(null, this.#origin(0));
    const [first, second] = documents;
    for (const document of documents) {
      const [error] = document.errors;
      if (error === undefined) continue;
      if (error.message.includes('call stack')) throw tooDeep(this.source);
      throw this.#problem(errorKind(error.code), sentence(error.message), error.pos[0]);
    }
    if (first === undefined) return scalarNode(null, this.#origin(0));
    if (second !== undefined) {
      throw this.#problem(
        'ComposerError',
        'expected a single document in the stream',
        second.range?.[0] ?? 0,
      );
    }
    return this.#node(first.contents as YamlNode | null, 0);
  }

  #node(node: YamlNode | null | undefined, depth: number): Node {
    if (depth > MAX_DEPTH) throw tooDeep(this.source);
    if (node === null || node === undefined) return scalarNode(null);
    if (this.#inAlias > 0) {
      this.#aliased += 1;
      if (this.#aliased > MAX_ALIASED) {
        throw this.#problem('ComposerError', `aliases unfold into more than ${MAX_ALIASED} values`, at(node));
      }
    }
    if (isAlias(node)) return this.#alias(node, depth);
    this.#register(node);
    if (isScalar(node)) return scalarNode(this.#scalar(node), this.#origin(at(node)));
    if (isSeq(node)) return this.#list(node, depth);
    if (isMap(node)) return this.#map(node, depth);
    throw this.#problem('ConstructorError', 'unexpected kind of YAML value', at(node));
  }

  #alias(node: Alias, depth: number): Node {
    const target = this.#target(node);
    this.#inAlias += 1;
    const value = this.#node(target, depth + 1);
    this.#inAlias -= 1;
    return value;
  }

  #target(node: Alias): YamlNode {
    const target = this.#anchors.get(node.source);
    if (target !== undefined) return target;
    throw this.#problem('ComposerError', `found undefined alias '${node.source}'`, at(node));
  }

  #register(node: YamlNode): void {
    if (isAlias(node) || node.anchor === undefined) return;
    const known = this.#anchors.get(node.anchor);
    if (known !== undefined && known !== node) {
      throw this.#problem('ComposerError', `found duplicate anchor '${node.anchor}'`, at(node));
    }
    this.#anchors.set(node.anchor, node);
  }

  #list(node: YAMLSeq, depth: number): Node {
    this.#checkTag(node, 'seq');
    const list = listNode(this.#origin(at(node)));
    for (const [index, item] of node.items.entries()) {
      setItem(list, index, this.#node(item as YamlNode | null, depth + 1));
    }
    return list;
  }

  #map(node: YAMLMap, depth: number): Node {
    this.#checkTag(node, 'map');
    this.#refuseDuplicates(node);
    const map = mapNode(this.#origin(at(node)));
    const own = new Set<Key>();
    // Merged keys come first, so that own keys keep the place and win.
    for (const pair of pairsOf(node)) {
      if (isMergeKey(pair.key)) this.#merge(pair.value, depth + 1, (key, value) => setEntry(map, key, value));
    }
    for (const pair of pairsOf(node)) {
      if (isMergeKey(pair.key)) continue;
      const key = this.#key(pair.key, node);
      // What an alias stands for is known only now.
      if (isAlias(pair.key) && own.has(key)) throw this.#duplicate(key, pair.key);
      if (typeof key === 'string') own.add(key);
      setEntry(map, key, this.#node(pair.value, depth + 1));
    }
    return map;
  }

  #merge(value: YamlNode | null, depth: number, put: (key: Key, value: Node) => void): void {
    const target = isAlias(value) ? this.#target(value) : value;
    if (isSeq(target)) {
      // The first of several wins: apply from the last.
      for (const item of [...target.items].reverse()) this.#mergeMap(item as YamlNode | null, depth, put);
      return;
    }
    this.#mergeMap(value, depth, put);
  }

  #mergeMap(value: YamlNode | null, depth: number, put: (key: Key, value: Node) => void): void {
    const target = isAlias(value) ? this.#target(value) : value;
    if (!isMap(target)) {
      throw this.#problem(
        'ConstructorError',
        'expected a mapping or list of mappings for merging',
        value === null ? 0 : at(value),
      );
    }
    const merged = this.#node(value, depth);
    if (merged.kind === 'map') for (const [key, child] of merged.entries) put(key, child);
  }

  #key(key: YamlNode | null, map: YAMLMap): Key {
    const target = isAlias(key) ? this.#target(key) : key;
    if (target !== null) this.#register(target);
    if (target !== null && !isScalar(target)) {
      throw this.#problem('ConstructorError', 'found unhashable key', at(map));
    }
    const value = target === null ? null : isValueKey(target) ? '=' : this.#scalar(target);
    if (value === null) throw this.#problem('KeyValidationError', 'a key cannot be null', at(map));
    return value;
  }

  #scalar(node: ScalarYaml): Scalar {
    const found = scalarValue(node, this.source.text);
    if ('value' in found) return found.value;
    throw this.#problem('ConstructorError', found.error, at(node));
  }

  #checkTag(node: YAMLMap | YAMLSeq, kind: 'map' | 'seq'): void {
    if (node.tag === undefined || node.tag === `${CORE_TAG}${kind}` || node.tag === '!') return;
    throw this.#problem('ConstructorError', noConstructor(node.tag), at(node));
  }

  /** Only keys that are text are compared, quoted or not: `1: a` twice passes, and the last wins. */
  #refuseDuplicates(node: YAMLMap): void {
    const seen = new Set<string>();
    for (const { key } of pairsOf(node)) {
      if (!isScalar(key) || isMergeKey(key) || isValueKey(key)) continue;
      const value = this.#scalar(key);
      if (typeof value !== 'string') continue;
      if (seen.has(value)) throw this.#duplicate(value, key);
      seen.add(value);
    }
  }

  #duplicate(key: Key, node: YamlNode): Error {
    return this.#problem('ConstructorError', `found duplicate key ${String(key)}`, at(node));
  }

  #origin(offset: number): Origin {
    const { line, col } = this.lines.linePos(offset);
    return { source: this.source, line: Math.max(1, line), column: Math.max(1, col) };
  }

  #problem(kind: ProblemKind, message: string, offset: number) {
    const origin = this.#origin(offset);
    return problem('CONFIG_SYNTAX', kind, message, { origin });
  }
}

type YamlPair = { readonly key: YamlNode | null; readonly value: YamlNode | null };

function pairsOf(node: YAMLMap): readonly YamlPair[] {
  return node.items as readonly (Pair & YamlPair)[];
}

function at(node: YamlNode): number {
  return node.range?.[0] ?? 0;
}

/** One sentence, without the parser's own capital letter. */
function sentence(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}

function errorKind(code: string): ProblemKind {
  if (code === 'BAD_ALIAS') return 'ComposerError';
  return code === 'TAB_AS_INDENT' || code === 'UNEXPECTED_TOKEN' ? 'ScannerError' : 'ParserError';
}
