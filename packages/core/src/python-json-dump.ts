import { floatRepr } from './python-text.js';
import { isPyMap, type PyValue } from './python-value.js';

/** Text as Python's `json.dumps(value, indent=2, sort_keys=True)` gives: ASCII only, integers and floats apart. */
export function dumpPythonJson(value: PyValue, indent = ''): string {
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]';
    const items = (value as readonly PyValue[]).map((item) => `${inner}${dumpPythonJson(item, inner)}`);
    return `[\n${items.join(',\n')}\n${indent}]`;
  }
  if (isPyMap(value)) {
    const keys = Object.keys(value).sort();
    if (keys.length === 0) return '{}';
    const items = keys.map((key) => `${inner}${text(key)}: ${dumpPythonJson(value[key] ?? null, inner)}`);
    return `{\n${items.join(',\n')}\n${indent}}`;
  }
  if (typeof value === 'string') return text(value);
  if (typeof value !== 'number') return String(value);
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  return floatRepr(value);
}

function text(value: string): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
