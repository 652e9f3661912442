import type { Scalar } from './tree.js';

/** What a plain YAML word stands for, or why it cannot be a value. */
export type PlainScalar =
  | { readonly value: Scalar }
  | { readonly special: 'merge' | 'value' }
  | { readonly invalid: true };

const TRUE = new Set(['yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']);
const FALSE = new Set(['no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF']);
const NULL = new Set(['', '~', 'null', 'Null', 'NULL']);
const INT = /^[-+]?(?:0b[0-1_]+|0[0-7_]+|(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F_]+|[1-9][0-9_]*(?::[0-5]?[0-9])+)$/;
/** PyYAML's floats and those that OmegaConf adds: exponents without a dot or a sign. */
const FLOATS: readonly RegExp[] = [
  /^[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?$/,
  /^\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?$/,
  /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*$/,
  /^[-+]?\.(?:inf|Inf|INF)$/,
  /^\.(?:nan|NaN|NAN)$/,
  /^[-+]?[0-9]+(?:_[0-9]+)*\.[0-9_]*(?:[eE][-+]?[0-9]+)?$/,
  /^[-+]?[0-9]+(?:_[0-9]+)*[eE][-+]?[0-9]+$/,
  /^\.[0-9]+(?:_[0-9]+)*(?:[eE][-+][0-9]+)?$/,
];

/** Reads an unquoted word by YAML 1.1's rules as OmegaConf's loader has them: no dates, more floats. */
export function readPlainScalar(text: string): PlainScalar {
  if (NULL.has(text)) return { value: null };
  if (TRUE.has(text)) return { value: true };
  if (FALSE.has(text)) return { value: false };
  if (text === '<<') return { special: 'merge' };
  if (text === '=') return { special: 'value' };
  if (INT.test(text)) return toInt(text);
  if (FLOATS.some((pattern) => pattern.test(text))) return { value: toFloat(text) };
  return { value: text };
}

export function toInt(text: string): { readonly value: bigint } | { readonly invalid: true } {
  const bare = text.replaceAll('_', '');
  const negative = bare.startsWith('-');
  const digits = bare.replace(/^[-+]/, '');
  const magnitude = toMagnitude(digits);
  if (magnitude === undefined) return { invalid: true };
  return { value: negative ? -magnitude : magnitude };
}

function toMagnitude(digits: string): bigint | undefined {
  if (digits.includes(':')) {
    return digits.split(':').reduce((sum, part) => sum * 60n + BigInt(part), 0n);
  }
  if (/^0[bx]$/.test(digits) || digits === '') return undefined;
  if (/^0[0-9]/.test(digits)) return /^[0-7]+$/.test(digits) ? BigInt(`0o${digits}`) : undefined;
  return /^(?:0b[01]+|0x[0-9a-fA-F]+|\d+)$/.test(digits) ? BigInt(digits) : undefined;
}

export function toFloat(text: string): number {
  const bare = text.replaceAll('_', '').toLowerCase();
  const sign = bare.startsWith('-') ? -1 : 1;
  const digits = bare.replace(/^[-+]/, '');
  if (digits === '.inf') return sign * Number.POSITIVE_INFINITY;
  if (digits === '.nan') return Number.NaN;
  if (!digits.includes(':')) return sign * Number(digits);
  let value = 0;
  let base = 1;
  for (const part of digits.split(':').reverse()) {
    value += Number(part) * base;
    base *= 60;
  }
  return sign * value;
}
