import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseAllDocuments,
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
import { readPlainScalar, toFloat, toInt } from './yaml-scalar.js';

/** A configuration larger than this is a mistake (a checkpoint, a log); reading it would only take long. */
const MAX_BYTES = 4_000_000;
/** Deeper than any configuration, far from the end of the stack. */
const MAX_DEPTH = 200;
/** Nodes that aliases may add: a file of a few lines must not unfold into gigabytes. */
const MAX_ALIASED = 10_000;

const CORE = 'tag:yaml.org,2002:';

/** Reads one YAML document as OmegaConf's loader does. An empty document is null. Throws CONFIG_SYNTAX. */
export function readYaml(source: Source): Node {
  if (source.text.length > MAX_BYTES) {
    throw problem('CONFIG_SYNTAX', 'OSError', `${source.name} has more than ${MAX_BYTES} characters`, {
      hint: 'a configuration is a small YAML file; check the path',
    });
  }
  const lines = new LineCounter();
  const text = source.text.startsWith('\ufeff') ? source.text.slice(1) : source.text;
  refuseMarkers(source);
  return new Reader(source, lines).document(parseDocuments(source, text, lines));
}

const FIRST_LINE = /^(?:[ \t]*(?:#.*)?\r?\n)*(%.*|\.\.\.(?=\s|$))/;

/** A document end before any document, and directives without one, are errors to PyYAML alone. */
function refuseMarkers(source: Source): void {
  const [, marker] = FIRST_LINE.exec(source.text) ?? [];
  if (marker === undefined) return;
  if (marker.startsWith('%') && /^---(?=\s|$)/m.test(source.text)) return;
  throw problem('CONFIG_SYNTAX', 'ParserError', `expected a value, found '${marker}'`, {
    origin: { source, line: 1, column: 1 },
  });
}

function parseDocuments(source: Source, text: string, lines: LineCounter) {
  try {
    return parseAllDocuments(text, {
      version: '1.1',
      schema: 'failsafe',
      uniqueKeys: false,
      prettyErrors: false,
      lineCounter: lines,
    });
  } catch (cause) {
    // The parser recurses; it runs out of stack long after any real configuration ends.
    if (cause instanceof RangeError) throw tooDeep(source);
    throw cause;
  }
}

function tooDeep(source: Source) {
  return problem(
    'CONFIG_SYNTAX',
    'ConstructorError',
    `${source.name} is nested deeper than ${MAX_DEPTH} levels`,
  );
}

class Reader {
  #aliased = 0;
  #inAlias = 0;
  readonly #anchors = new Map<string, YamlNode>();

  constructor(
    readonly source: Source,
    readonly lines: LineCounter,
  ) {}

  document(documents: ReturnType<typeof parseAllDocuments>): Node {
    if (!Array.isArray(documents)) return scalarNode(null, this.#origin(0));
    const [first, second] = documents;
    for (const document of documents) {
      const [error] = document.errors;
      if (error !== undefined)
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
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
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
    // Merged keys come first, so that own keys keep the place and win.
    for (const pair of pairsOf(node)) {
      if (isMergeKey(pair.key)) this.#merge(pair.value, depth + 1, (key, value) => setEntry(map, key, value));
    }
    for (const pair of pairsOf(node)) {
      if (isMergeKey(pair.key)) continue;
      setEntry(map, this.#key(pair.key, node), this.#node(pair.value, depth + 1));
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
    if (target !== null && target.anchor !== undefined) this.#anchors.set(target.anchor, target);
    if (target !== null && !isScalar(target)) {
      throw this.#problem('ConstructorError', 'found unhashable key', at(map));
    }
    const value = target === null ? null : this.#scalar(target);
    if (value === null) throw this.#problem('KeyValidationError', 'a key cannot be null', at(map));
    return value;
  }

  #scalar(node: ScalarYaml): Scalar {
    const text = node.source ?? String(node.value ?? '');
    const quoted = node.type !== 'PLAIN' && node.type !== undefined;
    const value = quoted || node.value === null ? String(node.value ?? '') : text;
    if (node.tag !== undefined) return this.#tagged(node, value, node.tag);
    if (quoted) return value;
    const plain = readPlainScalar(value);
    if ('value' in plain) return plain.value;
    if ('invalid' in plain) throw this.#problem('ConstructorError', `'${value}' is not a number`, at(node));
    throw this.#problem(
      'ConstructorError',
      `could not determine a constructor for the tag '${CORE}${plain.special}'`,
      at(node),
    );
  }

  #tagged(node: ScalarYaml, text: string, tag: string): Scalar {
    if (tag === '!' || tag === `${CORE}str`) return text;
    if (tag === `${CORE}null`) return null;
    if (tag === `${CORE}float` && /^[-+.\d_eE:infaINFA]+$/.test(text)) return toFloat(text);
    const plain = readPlainScalar(text);
    if (tag === `${CORE}bool` && 'value' in plain && typeof plain.value === 'boolean') return plain.value;
    const int = tag === `${CORE}int` ? toInt(text) : undefined;
    if (int !== undefined && 'value' in int) return int.value;
    throw this.#problem(
      'ConstructorError',
      `could not determine a constructor for the tag '${tag}'`,
      at(node),
    );
  }

  #checkTag(node: YAMLMap | YAMLSeq, kind: 'map' | 'seq'): void {
    if (node.tag === undefined || node.tag === `${CORE}${kind}` || node.tag === '!') return;
    throw this.#problem(
      'ConstructorError',
      `could not determine a constructor for the tag '${node.tag}'`,
      at(node),
    );
  }

  /** Only keys that are text are compared, quoted or not: `1: a` twice passes, and the last wins. */
  #refuseDuplicates(node: YAMLMap): void {
    const seen = new Set<string>();
    for (const { key } of pairsOf(node)) {
      if (!isScalar(key) || isMergeKey(key)) continue;
      const value = this.#scalar(key);
      if (typeof value !== 'string') continue;
      if (seen.has(value)) throw this.#problem('ConstructorError', `found duplicate key ${value}`, at(key));
      seen.add(value);
    }
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

type ScalarYaml = Extract<YamlNode, { source?: string; type?: unknown; value: unknown }> & {
  value: unknown;
  source?: string;
  type?: string;
};
type YamlPair = { readonly key: YamlNode | null; readonly value: YamlNode | null };

function pairsOf(node: YAMLMap): readonly YamlPair[] {
  return node.items as readonly (Pair & YamlPair)[];
}

function isMergeKey(key: YamlNode | null): boolean {
  return isScalar(key) && key.type === 'PLAIN' && key.tag === undefined && key.source === '<<';
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
