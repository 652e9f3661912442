import { floatRepr } from './python-text.js';

export type YamlKey = string | bigint | number | boolean | null;

const TAGS: Readonly<Record<string, string>> = {
  bigint: '!!int',
  boolean: '!!bool',
  number: '!!float',
  object: '!!null',
  string: '!!str',
};

/** How long the tag of a scalar would be: PyYAML counts it for the length of a key. */
export function tagLength(value: YamlKey): number {
  return TAGS[typeof value]?.length ?? 0;
}

/** The words of a scalar before any quoting. */
export function scalarText(value: YamlKey): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return yamlFloat(value);
  return String(value);
}

function yamlFloat(value: number): string {
  if (Number.isNaN(value)) return '.nan';
  if (!Number.isFinite(value)) return value > 0 ? '.inf' : '-.inf';
  const text = floatRepr(value);
  // YAML 1.1 floats need a dot: 1e-05 becomes 1.0e-05.
  return text.includes('.') ? text : text.replace('e', '.0e');
}

/** Whether a text has characters beyond the first 65,536: only there do UTF-16 and code points count and sort apart. */
export function hasSurrogates(text: string): boolean {
  return /[\ud800-\udfff]/.test(text);
}

/** Code point order, as Python sorts text. */
export function compareKeys(a: YamlKey, b: YamlKey): number {
  if (typeof a !== 'string' || typeof b !== 'string') return Number(a) - Number(b);
  if (a === b) return 0;
  if (!hasSurrogates(a) && !hasSurrogates(b)) return a < b ? -1 : 1;
  const left = Array.from(a, (char) => char.codePointAt(0) ?? 0);
  const right = Array.from(b, (char) => char.codePointAt(0) ?? 0);
  for (const [index, code] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    if (code !== other) return code - other;
  }
  return left.length - right.length;
}
