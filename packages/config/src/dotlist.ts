import { listIndex, splitKey } from './key-path.js';
import { merge } from './merge.js';
import { describeOrigin } from './origin.js';
import { problem } from './problem.js';
import { checkSyntax } from './resolve.js';
import {
  type Container,
  copyNode,
  type ListNode,
  type MapNode,
  mapNode,
  type Node,
  scalarNode,
  setEntry,
  setItem,
} from './tree.js';
import { readYaml } from './yaml.js';

/**
 * Builds a tree from overrides such as `a.b=1`: the right side is a YAML document, the left side splits at dots and
 * brackets; later ones merge over earlier ones. Throws CONFIG_SYNTAX, CONFIG_MERGE, CONFIG_INTERPOLATION.
 */
export function parseDotlist(dotlist: readonly string[]): MapNode {
  const root = mapNode();
  for (const [index, text] of dotlist.entries()) {
    const equals = text.indexOf('=');
    const source = { name: `override ${index + 1}`, text: equals === -1 ? '' : text.slice(equals + 1) };
    const place = { source: { name: source.name, text }, line: 1, column: 1 };
    const value = equals === -1 ? scalarNode(null, place) : withOrigin(readYaml(source), place);
    checkSyntax(value);
    setKey(root, equals === -1 ? text : text.slice(0, equals), value);
  }
  return root;
}

function withOrigin(node: Node, origin: NonNullable<Node['origin']>): Node {
  const placed = { ...copyNode(node), origin } as Node;
  if (placed.kind === 'list')
    for (const [index, item] of placed.items.entries()) setItem(placed, index, withOrigin(item, origin));
  if (placed.kind === 'map')
    for (const [key, child] of placed.entries) setEntry(placed, key, withOrigin(child, origin));
  return placed;
}

/** Sets a dotted key of a tree in place; maps on the way are made. Throws CONFIG_MERGE at a wrong list index. */
export function setKey(root: MapNode, key: string, value: Node): void {
  const parts = splitKey(key);
  if (parts.length === 0) throw problem('CONFIG_MERGE', 'ValueError', `'${key}' names no key`);
  let at: Container = root;
  for (const part of parts.slice(0, -1)) {
    const child = childOf(at, part, value);
    const next: Container = child === undefined || child.kind === 'scalar' ? mapNode(value.origin) : child;
    if (next !== child) put(at, part, next, value);
    at = next;
  }
  const last = parts.at(-1) ?? '';
  const present = childOf(at, last, value);
  if (present === undefined || present.kind === 'scalar' || value.kind === 'scalar') {
    put(at, last, value, value);
    return;
  }
  put(at, last, merge(present, value, {}), value);
}

function childOf(container: Container, part: string, value: Node): Node | undefined {
  if (container.kind === 'map') return container.entries.get(part);
  return container.items[indexIn(container, part, value)];
}

function put(container: Container, part: string, node: Node, value: Node): void {
  if (container.kind === 'map') setEntry(container, part, node);
  else setItem(container, indexIn(container, part, value), node);
}

function indexIn(list: ListNode, part: string, value: Node): number {
  const index = listIndex(part);
  if (index !== undefined && index >= 0 && index < list.items.length) return index;
  const where = value.origin === undefined ? '' : ` (${describeOrigin(value.origin)})`;
  throw problem(
    'CONFIG_MERGE',
    'TypeError',
    `'${part}' is not an index of a list of ${list.items.length}${where}`,
  );
}
