import type { Origin } from './origin.js';

export type Key = string | bigint | number | boolean;
/** `bigint` is Python's int, `number` its float. */
export type Scalar = null | boolean | bigint | number | string;
/** A config as plain data; maps keep their order and the types of their keys. */
export type ConfigValue = Scalar | ConfigValue[] | ConfigMap;
export type ConfigMap = Map<Key, ConfigValue>;

export type Node = ScalarNode | ListNode | MapNode;
export type Container = ListNode | MapNode;

interface Placed {
  /** The container and the key of a node; set when it is put there. */
  parent: Container | undefined;
  key: Key | undefined;
  readonly origin: Origin | undefined;
}
export interface ScalarNode extends Placed {
  readonly kind: 'scalar';
  readonly value: Scalar;
}
export interface ListNode extends Placed {
  readonly kind: 'list';
  readonly items: Node[];
}
export interface MapNode extends Placed {
  readonly kind: 'map';
  readonly entries: Map<Key, Node>;
}

/** The mark of a value that must still be given. */
export const MISSING = '???';

export function scalarNode(value: Scalar, origin?: Origin): ScalarNode {
  return { kind: 'scalar', value, parent: undefined, key: undefined, origin };
}

export function listNode(origin?: Origin): ListNode {
  return { kind: 'list', items: [], parent: undefined, key: undefined, origin };
}

export function mapNode(origin?: Origin): MapNode {
  return { kind: 'map', entries: new Map(), parent: undefined, key: undefined, origin };
}

export function setEntry(map: MapNode, key: Key, node: Node): void {
  const place = presentKey(map.entries, key);
  node.parent = map;
  node.key = place;
  map.entries.set(place, node);
}

/** The key of a map that equals another by Python's rules: `true`, `1` and `1.0` are one key. */
export function presentKey(map: ReadonlyMap<Key, unknown>, key: Key): Key {
  if (typeof key === 'string' || map.has(key)) return key;
  for (const other of map.keys()) {
    if (typeof other !== 'string' && Number(other) === Number(key)) return other;
  }
  return key;
}

export function setItem(list: ListNode, index: number, node: Node): void {
  node.parent = list;
  node.key = BigInt(index);
  list.items[index] = node;
}

export function isMissing(node: Node): boolean {
  return node.kind === 'scalar' && node.value === MISSING;
}

/** Whether a node holds text with an interpolation (or an escaped one, which resolving unescapes). */
export function isInterpolation(node: Node): node is ScalarNode & { readonly value: string } {
  return node.kind === 'scalar' && typeof node.value === 'string' && node.value.includes('${');
}

export function rootOf(node: Node): Node {
  let at = node;
  while (at.parent !== undefined) at = at.parent;
  return at;
}

/** A deep copy without a parent; origins are shared. */
export function copyNode(node: Node): Node {
  if (node.kind === 'scalar') return scalarNode(node.value, node.origin);
  if (node.kind === 'list') {
    const list = listNode(node.origin);
    for (const [index, item] of node.items.entries()) setItem(list, index, copyNode(item));
    return list;
  }
  const map = mapNode(node.origin);
  for (const [key, child] of node.entries) setEntry(map, key, copyNode(child));
  return map;
}

/** Builds nodes from plain data; every node gets the given origin. */
export function nodeFrom(value: ConfigValue, origin?: Origin): Node {
  if (Array.isArray(value)) {
    const list = listNode(origin);
    for (const [index, item] of value.entries()) setItem(list, index, nodeFrom(item, origin));
    return list;
  }
  if (value instanceof Map) {
    const map = mapNode(origin);
    for (const [key, item] of value) setEntry(map, key, nodeFrom(item, origin));
    return map;
  }
  return scalarNode(value, origin);
}

/** A copy of a tree with some of its texts replaced by other data; origins are kept. */
export function mapTexts(node: MapNode, replace: (text: string) => ConfigValue): MapNode;
export function mapTexts(node: Node, replace: (text: string) => ConfigValue): Node;
export function mapTexts(node: Node, replace: (text: string) => ConfigValue): Node {
  if (node.kind === 'scalar') {
    return typeof node.value === 'string' ? nodeFrom(replace(node.value), node.origin) : copyNode(node);
  }
  if (node.kind === 'list') {
    const list = listNode(node.origin);
    for (const [index, item] of node.items.entries()) setItem(list, index, mapTexts(item, replace));
    return list;
  }
  const map = mapNode(node.origin);
  for (const [key, child] of node.entries) setEntry(map, key, mapTexts(child, replace));
  return map;
}

/** The data of a tree with interpolations as written. */
export function plain(node: MapNode): ConfigMap;
export function plain(node: Node): ConfigValue;
export function plain(node: Node): ConfigValue {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map((item) => plain(item));
  const map: ConfigMap = new Map();
  for (const [key, child] of node.entries) map.set(key, plain(child));
  return map;
}

/** `a.b[0].c`, as messages name a value. */
export function fullKey(node: Node): string {
  const keys: string[] = [];
  for (let at: Node | undefined = node; at?.parent !== undefined; at = at.parent) {
    const key = String(at.key);
    keys.unshift(
      at.parent.kind === 'list' ? `[${key}]` : keyText(at.key ?? '', at.parent.parent === undefined),
    );
  }
  return keys.join('');
}

function keyText(key: Key, first: boolean): string {
  return first ? String(key) : `.${String(key)}`;
}
