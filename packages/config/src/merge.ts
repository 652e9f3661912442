import { type Environment, Evaluation } from './evaluation.js';
import { GrammarError } from './grammar-error.js';
import { problem } from './problem.js';
import { isNode } from './python.js';
import { ResolveError } from './resolve-error.js';
import { NotAContainer } from './select.js';
import {
  copyNode,
  fullKey,
  isInterpolation,
  isMissing,
  type MapNode,
  type Node,
  presentKey,
  setEntry,
} from './tree.js';

/**
 * Merges a newer config over an older one and returns a new tree, as OmegaConf does: maps merge deeply, lists are
 * replaced whole, `???` does not replace, keys keep their place. Throws CONFIG_MERGE where a map meets a list.
 */
export function merge(older: Node, newer: Node, env: Environment): Node {
  const root = copyNode(older);
  if (root.kind !== newer.kind || root.kind === 'scalar') throw kindsDiffer(root, newer);
  if (newer.kind === 'list') return copyNode(newer);
  if (root.kind === 'map') mergeMap(root, newer as MapNode, env);
  return root;
}

function mergeMap(into: MapNode, newer: MapNode, env: Environment): void {
  for (const [key, value] of newer.entries) {
    const present = into.entries.get(presentKey(into.entries, key));
    const target = present === undefined ? undefined : expanded(into, present, env);
    if (target === undefined) setEntry(into, key, copyNode(value));
    else if (target.kind === 'map' && value.kind === 'map') mergeMap(target, value, env);
    else if (target.kind !== 'scalar' && value.kind !== 'scalar' && target.kind !== value.kind) {
      throw kindsDiffer(target, value);
    } else if (!isMissing(value)) setEntry(into, key, copyNode(value));
  }
}

/** An interpolated target that stands for a map or list becomes a copy of it, so that keys can be merged into it. */
function expanded(into: MapNode, present: Node, env: Environment): Node {
  if (!isInterpolation(present)) return present;
  const target = targetOf(present, env);
  if (target === undefined || target.kind === 'scalar' || present.key === undefined) return present;
  const copy = copyNode(target);
  setEntry(into, present.key, copy);
  return copy;
}

function targetOf(node: Node, env: Environment): Node | undefined {
  try {
    const value = new Evaluation(env).dereference(node);
    return isNode(value) ? value : undefined;
  } catch (error) {
    // What cannot be resolved now is replaced, as any scalar is.
    if (error instanceof ResolveError || error instanceof NotAContainer || error instanceof GrammarError)
      return undefined;
    throw error;
  }
}

function kindsDiffer(older: Node, newer: Node) {
  const key = fullKey(newer) || fullKey(older);
  return problem(
    'CONFIG_MERGE',
    'ConfigTypeError',
    `cannot merge a ${newer.kind} into the ${older.kind}${key === '' ? '' : ` ${key}`}`,
    {
      key,
      origin: newer.origin ?? older.origin,
      hint: 'a list is replaced whole: write key=[a, b]; items cannot be set one by one',
    },
  );
}
