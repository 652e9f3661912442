import { readTop } from './document.js';
import type { Evaluation, Resolved } from './evaluation.js';
import { parseElement } from './grammar.js';
import { GrammarError } from './grammar-error.js';
import { pythonText, pythonType } from './python.js';
import { failed } from './resolve-error.js';
import {
  type ConfigValue,
  type Container,
  copyNode,
  fullKey,
  listNode,
  type Node,
  nodeFrom,
  scalarNode,
  setItem,
} from './tree.js';

/** The call of a resolver: its arguments, resolved, and the place of the interpolation. */
export interface Call {
  readonly args: readonly Resolved[];
  /** The container of the value that holds the interpolation. */
  readonly parent: Container;
  readonly node: Node;
  readonly evaluation: Evaluation;
}

export interface ResolverRow {
  /** How many arguments it takes. */
  readonly arity: readonly [least: number, most: number];
  readonly call: (call: Call) => Resolved;
}

/** Resolvers by name; anything else is an unsupported interpolation. */
export const RESOLVERS: ReadonlyMap<string, ResolverRow> = new Map<string, ResolverRow>([
  ['auto_mount', { arity: [1, 2], call: autoMount }],
  ['oc.create', { arity: [1, 1], call: create }],
  ['oc.decode', { arity: [1, 1], call: decode }],
  ['oc.deprecated', { arity: [1, 2], call: deprecated }],
  ['oc.dict.keys', { arity: [1, 1], call: dictKeys }],
  ['oc.dict.values', { arity: [1, 1], call: dictValues }],
  ['oc.env', { arity: [1, 2], call: env }],
  ['oc.select', { arity: [1, 2], call: select }],
]);

/** Always text when the variable is set; a default becomes text by Python's rules, but null stays null. */
function env({ args: [name, fallback], evaluation }: Call): Resolved {
  if (typeof name !== 'string')
    throw failed(`oc.env: the name of a variable must be text, not ${typeName(name)}`);
  const value = evaluation.lookup(name);
  if (value !== undefined) return value;
  if (fallback === undefined) {
    throw failed(
      `Environment variable '${name}' not found`,
      `set ${name}, or give a default: \${oc.env:${name},default}`,
    );
  }
  return fallback === null ? null : pythonText(fallback);
}

function decode({ args: [text], parent, node, evaluation }: Call): Resolved {
  if (text === null) return null;
  if (typeof text !== 'string') throw failed(`oc.decode takes text or null, not ${typeName(text)}`);
  try {
    return evaluation.element(parseElement(text), parent, node);
  } catch (error) {
    if (error instanceof GrammarError) throw failed(`oc.decode: '${text}': ${error.message}`);
    throw error;
  }
}

/** A config node of data; text is read as YAML, as OmegaConf.create does. */
function create({ args: [value = null], parent, node }: Call): Resolved {
  if (value === null) return null;
  const created = typeof value === 'string' ? readTop({ name: 'oc.create', text: value }) : asNode(value);
  if (created.kind === 'scalar')
    throw failed(`oc.create takes a map, a list or YAML, not ${typeName(value)}`);
  return placed(created, parent, node);
}

function asNode(value: Resolved): Node {
  return isData(value) ? nodeFrom(value) : copyNode(value);
}

function select({ args: [key, fallback = null], parent, evaluation }: Call): Resolved {
  const found = evaluation.select(textKey('oc.select', key), parent);
  return found ?? fallback;
}

function deprecated({ args: [key, message], parent, node, evaluation }: Call): Resolved {
  const name = textKey('oc.deprecated', key);
  const found = evaluation.target(name, parent);
  if (found === undefined) throw failed(`oc.deprecated at '${fullKey(node)}': key '${name}' not found`);
  const text = message ?? "'$OLD_KEY' is deprecated. Change your code and config to use '$NEW_KEY'";
  if (typeof text !== 'string') throw failed('oc.deprecated: the message must be text');
  const newKey = fullKey(found);
  evaluation.warn(
    text.replaceAll(/\$(OLD_KEY|NEW_KEY)/g, (_, which) => (which === 'OLD_KEY' ? fullKey(node) : newKey)),
  );
  return found;
}

function dictKeys({ args: [key], parent, node, evaluation }: Call): Resolved {
  const map = mapAt('oc.dict.keys', key, parent, evaluation);
  return placed(nodeFrom([...map.entries.keys()]), parent, node);
}

function dictValues({ args: [key], parent, node, evaluation }: Call): Resolved {
  const map = mapAt('oc.dict.values', key, parent, evaluation);
  const list = listNode();
  // The list is one level deeper than the interpolation, so a relative key needs one more dot.
  const path = textKey('oc.dict.values', key).replace(/^\./, '..');
  for (const [index, name] of [...map.entries.keys()].entries()) {
    setItem(list, index, scalarNode(`\${${path}.${pythonText(name)}}`));
  }
  return placed(list, parent, node);
}

function mapAt(resolver: string, key: Resolved | undefined, parent: Container, evaluation: Evaluation) {
  const found = evaluation.target(textKey(resolver, key), parent, true);
  if (found === undefined) throw failed(`${resolver}: key '${textKey(resolver, key)}' not found`);
  if (found.kind !== 'map') throw failed(`${resolver} needs a map, not ${typeName(found)}`);
  return found;
}

const GIT_SPEC = /^git\+(.+)@([^@]*)$/s;

/** `git+URL@REF[,TARGET]`: names the repository and registers it for the job to clone. */
function autoMount({ args: [spec, target], evaluation }: Call): Resolved {
  const text = pythonText(spec ?? null);
  const [, url, ref] = GIT_SPEC.exec(text) ?? [];
  const name = (url?.replace(/\/+$/, '').split('/').at(-1) ?? '').replace(/\.git$/, '');
  // The name becomes a directory.
  const isName = name !== '' && name !== '.' && name !== '..';
  if (url === undefined || ref === undefined || ref === '' || !isName) {
    throw failed(
      `invalid git mount '${text}'`,
      'write git+URL@REF, for example git+https://host/repo.git@main',
    );
  }
  evaluation.mount({
    name,
    url,
    ref,
    target: target === undefined || target === null ? undefined : pythonText(target),
  });
  return `__auto_mount__:${name}`;
}

function textKey(resolver: string, key: Resolved | undefined): string {
  if (typeof key === 'string') return key;
  throw failed(`${resolver}: the key must be text, not ${typeName(key)}`);
}

function typeName(value: Resolved | undefined): string {
  return pythonType(value ?? null);
}

function isData(value: Resolved): value is ConfigValue {
  return typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Map;
}

function placed(node: Node, parent: Container, at: Node): Node {
  node.parent = parent;
  node.key = at.key;
  return node;
}
