import { floatRepr, stringRepr } from '@nemotron-convert/core';
import type { ConfigValue, Key, Node, Scalar } from './tree.js';

/** `str(value)` of Python: text as it is, everything else as `repr`. Interpolations stay as written. */
export function pythonText(value: ConfigValue | Node): string {
  const data = isNode(value) && value.kind === 'scalar' ? value.value : value;
  return typeof data === 'string' ? data : pythonRepr(data);
}

function pythonRepr(value: ConfigValue | Node): string {
  if (Array.isArray(value)) return `[${value.map((item) => pythonRepr(item)).join(', ')}]`;
  if (value instanceof Map) return dictRepr(value);
  if (!isNode(value)) return scalarRepr(value);
  if (value.kind === 'scalar') return scalarRepr(value.value);
  if (value.kind === 'list') return `[${value.items.map((item) => pythonRepr(item)).join(', ')}]`;
  return dictRepr(value.entries);
}

function dictRepr(map: ReadonlyMap<Key, ConfigValue | Node>): string {
  const entries = [...map].map(([key, item]) => `${scalarRepr(key)}: ${pythonRepr(item)}`);
  return `{${entries.join(', ')}}`;
}

function scalarRepr(value: Scalar): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return floatRepr(value);
  return typeof value === 'string' ? stringRepr(value) : String(value);
}

/** The name of a value's Python type, for messages. */
export function pythonType(value: ConfigValue | Node): string {
  if (isNode(value)) return value.kind === 'scalar' ? pythonType(value.value) : NODE_TYPES[value.kind];
  if (value === null) return 'NoneType';
  if (Array.isArray(value)) return 'list';
  return value instanceof Map ? 'dict' : (TYPES[typeof value] ?? 'str');
}

const NODE_TYPES = { list: 'ListConfig', map: 'DictConfig' } as const;
const TYPES: Readonly<Record<string, string>> = { boolean: 'bool', bigint: 'int', number: 'float' };

/** `bool(value)` of Python. */
export function pythonTruth(value: ConfigValue): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value instanceof Map ? value.size > 0 : Boolean(value);
}

export function isNode(value: ConfigValue | Node): value is Node {
  return typeof value === 'object' && value !== null && 'kind' in value && !(value instanceof Map);
}
