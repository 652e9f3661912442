import type { ConfigValue } from '@nemotron-convert/config';

/** Two-space JSON in ASCII, as Python's json.dumps(indent=2) writes it. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, jsonValue, 2) ?? 'null';
  return `${escapeNonAscii(text)}\n`;
}

function escapeNonAscii(text: string): string {
  let out = '';
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    out += code < 0x80 ? text[at] : `\\u${code.toString(16).padStart(4, '0')}`;
  }
  return out;
}

function jsonValue(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return jsonInteger(value);
  return value instanceof Map ? plainObject(value as ReadonlyMap<unknown, ConfigValue>) : value;
}

/** Integers that JSON readers would round are written as text. */
function jsonInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function plainObject(map: ReadonlyMap<unknown, ConfigValue>): Record<string, unknown> {
  const out = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of map) out[String(key)] = value;
  return out;
}
