import type { ErrorCode } from '@nemotron-convert/core';
import { parse, TomlDate, TomlError, type TomlTable, type TomlValue } from 'smol-toml';
import type { Origin, Source } from './origin.js';
import { problem } from './problem.js';
import { listNode, type MapNode, mapNode, type Node, scalarNode, setEntry, setItem } from './tree.js';

/** Reads TOML as nodes: integers apart from floats, no dates. Throws `code` with the place. */
export function readToml(source: Source, code: ErrorCode): MapNode {
  const root = mapNode({ source, line: 1, column: 1 });
  for (const [name, value] of Object.entries(parseToml(source, code))) {
    const origin = { source, line: headerLine(source.text, name), column: 1 };
    setEntry(root, name, tomlNode(value, origin, name, code));
  }
  return root;
}

function parseToml(source: Source, code: ErrorCode): TomlTable {
  try {
    return parse(source.text.replace(/^\ufeff/, ''), { integersAsBigInt: true });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason = ''] = error.message.replace(/^Invalid TOML document: /, '').split('\n');
    throw problem(code, 'TOMLDecodeError', `${source.name}: ${reason}`, {
      origin: { source, line: error.line, column: error.column },
      cause: error,
    });
  }
}

/** The line of a table's header, for messages; 1 when it has none of its own. */
function headerLine(text: string, name: string): number {
  const lines = text.split('\n');
  return lines.findIndex((line) => line.replaceAll(/[\s"']/g, '').startsWith(`[${name}]`)) + 1 || 1;
}

function tomlNode(value: TomlValue, origin: Origin, key: string, code: ErrorCode): Node {
  if (value instanceof TomlDate) {
    const hint = 'put it in quotes';
    throw problem(code, 'UnsupportedValueType', `${key}: a date is not a supported value`, {
      origin,
      key,
      hint,
    });
  }
  if (Array.isArray(value)) {
    const list = listNode(origin);
    for (const [index, item] of value.entries()) {
      setItem(list, index, tomlNode(item, origin, `${key}[${index}]`, code));
    }
    return list;
  }
  if (typeof value === 'object') {
    const map = mapNode(origin);
    for (const [name, item] of Object.entries(value)) {
      setEntry(map, name, tomlNode(item, origin, `${key}.${name}`, code));
    }
    return map;
  }
  return scalarNode(value, origin);
}
