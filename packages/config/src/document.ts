import type { Source } from './origin.js';
import { problem } from './problem.js';
import { mapNode, type Node, scalarNode, setEntry } from './tree.js';
import { readYaml } from './yaml.js';

/**
 * Reads a whole configuration: a map or a list. A document that is only a text is read again, as YAML of its own; a word
 * is a map with that key; nothing is an empty map. Throws CONFIG_SYNTAX.
 */
export function readTop(source: Source): Node {
  const node = readYaml(source);
  if (node.kind !== 'scalar') return node;
  if (node.value === null) return mapNode(node.origin);
  const again = typeof node.value === 'string' ? readYaml({ name: source.name, text: node.value }) : node;
  if (again.kind !== 'scalar') return again;
  const map = mapNode(again.origin);
  if (typeof again.value === 'string') setEntry(map, again.value, scalarNode(null, again.origin));
  else if (again.value !== null) {
    throw problem('CONFIG_SYNTAX', 'OSError', `${source.name}: a number is not a configuration`, {
      origin: again.origin,
    });
  }
  return map;
}
