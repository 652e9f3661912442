/** Digits of any script, as Python's int() and float() accept them. */
const INT = /^\s*([-+]?)(\p{Nd}(?:_?\p{Nd})*)\s*$/u;
const DIGITS = '\\p{Nd}(?:_?\\p{Nd})*';
const FLOAT = new RegExp(
  `^\\s*([-+]?(?:(?:${DIGITS}\\.?(?:${DIGITS})?|\\.${DIGITS})(?:[eE][-+]?${DIGITS})?|inf|infinity|nan))\\s*$`,
  'iu',
);

/** `int(text)` of Python, undefined where it raises. */
export function pythonInt(text: string): bigint | undefined {
  const [, sign, digits] = INT.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const value = BigInt(asciiDigits(digits.replaceAll('_', '')));
  return sign === '-' ? -value : value;
}

/** `float(text)` of Python, undefined where it raises. */
export function pythonFloat(text: string): number | undefined {
  const [, found] = FLOAT.exec(text) ?? [];
  if (found === undefined) return undefined;
  const bare = asciiDigits(found.replaceAll('_', '').toLowerCase());
  if (bare.endsWith('nan')) return Number.NaN;
  if (bare.includes('inf')) return bare.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(bare);
}

/** Every block of decimal digits starts at a code point whose value is a multiple of its zero: count down to it. */
function asciiDigits(text: string): string {
  return text.replaceAll(/\p{Nd}/gu, (digit) => {
    let code = digit.codePointAt(0) ?? 0;
    let value = 0;
    if (code < 0x80) return digit;
    while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - 1))) {
      code -= 1;
      value += 1;
    }
    return String(value);
  });
}
