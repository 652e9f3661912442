const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\0', '0'],
  ['\x07', 'a'],
  ['\x08', 'b'],
  ['\x09', 't'],
  ['\x0a', 'n'],
  ['\x0b', 'v'],
  ['\x0c', 'f'],
  ['\x0d', 'r'],
  ['\x1b', 'e'],
  ['"', '"'],
  ['\\', '\\'],
  ['\u0085', 'N'],
  ['\u00a0', '_'],
  ['\u2028', 'L'],
  ['\u2029', 'P'],
]);

/** Whether a character needs an escape in a double-quoted text. */
export function needsEscape(char: string, allowUnicode: boolean): boolean {
  if ('"\\\u0085\u2028\u2029\ufeff'.includes(char)) return true;
  if (char >= ' ' && char <= '~') return false;
  const code = char.codePointAt(0) ?? 0;
  return !(allowUnicode && ((code >= 0xa0 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd)));
}

/** `\\n`, `\\x1F`, `\\u2028`, `\\U0001F600`. */
export function escapeSequence(char: string): string {
  const short = SHORT_ESCAPES.get(char);
  if (short !== undefined) return `\\${short}`;
  const code = char.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
