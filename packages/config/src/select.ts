import { listIndex, splitKey } from './key-path.js';
import { failed, ResolveError } from './resolve-error.js';
import { type Container, fullKey, isMissing, MISSING, type Node, rootOf } from './tree.js';

/** A path ran into a value that has no children. */
export class NotAContainer extends Error {}

/** Follows an interpolation on the way; the result may be plain data of a resolver, which has no children. */
export type Dereference = (node: Node) => unknown;

/**
 * Finds a node by its dotted key. Interpolated nodes on the way are followed, the last one is not. Undefined when a key
 * is absent. With `strict`, a value still to be given is an error. Throws NotAContainer, ResolveError.
 */
export function selectNode(
  from: Container,
  dotted: string,
  follow: Dereference,
  strict: boolean,
): Node | undefined {
  if (dotted === '') return from;
  const parts = splitKey(dotted);
  let at: Container = from;
  for (const [index, part] of parts.entries()) {
    const child = childOf(at, part);
    if (child !== undefined && strict && isMissing(child)) throw missing(child);
    if (child === undefined || index === parts.length - 1) return child;
    const target = follow(child);
    if (!isContainer(target)) {
      const parent = parts.slice(0, index + 1).join('.');
      throw new NotAContainer(
        `cannot reach ${dotted}: ${parent} is not a map or list, so it has no '${parts[index + 1]}'`,
      );
    }
    at = target;
  }
  return undefined;
}

/** A relative key starts at the container of the value, one level up for every further dot; undefined above the top. */
export function startOf(key: string, parent: Container): { from: Container; rest: string } | undefined {
  if (!key.startsWith('.')) return { from: rootOf(parent) as Container, rest: key };
  let from: Container | undefined = parent;
  let rest = key.slice(1);
  while (rest.startsWith('.')) {
    rest = rest.slice(1);
    from = from?.parent;
  }
  return from === undefined ? undefined : { from, rest };
}

export function aboveTop(key: string): string {
  return `the relative key '${key}' leads above the top`;
}

function childOf(container: Container, part: string): Node | undefined {
  if (container.kind === 'map') return container.entries.get(part);
  const index = listIndex(part);
  if (index === undefined) throw failed(`list index '${part}' is not an integer`);
  return index < 0 ? undefined : container.items[index];
}

function isContainer(value: unknown): value is Container {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    (value.kind === 'map' || value.kind === 'list')
  );
}

function missing(node: Node): ResolveError {
  return new ResolveError(
    'InterpolationToMissingValueError',
    `the value of ${fullKey(node)} is still to be given (${MISSING})`,
    `set it: ${fullKey(node)}=...`,
  );
}
