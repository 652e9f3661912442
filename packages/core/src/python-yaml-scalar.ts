/** What a text allows: which of YAML's styles can write it without changing it. */
export interface ScalarShape {
  readonly empty: boolean;
  readonly multiline: boolean;
  readonly plain: boolean;
  readonly singleQuoted: boolean;
}

/** What most keys and values are: a text that no style changes a character of. */
export function isWord(text: string): boolean {
  return /^[A-Za-z_][\w./-]*$/.test(text);
}

export const WORD_SHAPE: ScalarShape = { empty: false, multiline: false, plain: true, singleQuoted: true };

const BREAKS = '\n\u0085\u2028\u2029';
const BLANKS = `\0 \t\r${BREAKS}`;
const FIRST_INDICATORS = '#,[]{}&*!|>\'"%@`';

/** PyYAML's scalar analysis for block context (its emitter's `analyze_scalar`, the parts that block style asks). */
export function shapeOf(chars: readonly string[], allowUnicode: boolean): ScalarShape {
  if (chars.length === 0) return { empty: true, multiline: false, plain: true, singleQuoted: true };
  const start = chars.slice(0, 3).join('');
  let indicators = start === '---' || start === '...';
  let lineBreaks = false;
  let special = false;
  let edgeSpace = false;
  let breakThenSpace = false;
  let spaceThenBreak = false;
  let previous = '';
  for (const [index, char] of chars.entries()) {
    const next = chars[index + 1];
    const blankBefore = index === 0 || BLANKS.includes(previous);
    const blankAfter = next === undefined || BLANKS.includes(next);
    if (index === 0) {
      indicators ||= FIRST_INDICATORS.includes(char) || ('?:-'.includes(char) && blankAfter);
    } else {
      indicators ||= (char === ':' && blankAfter) || (char === '#' && blankBefore);
    }
    const isBreak = BREAKS.includes(char);
    lineBreaks ||= isBreak;
    special ||= isSpecial(char, allowUnicode);
    if (char === ' ' || isBreak) {
      edgeSpace ||= index === 0 || next === undefined;
      breakThenSpace ||= char === ' ' && BREAKS.includes(previous || 'x');
      spaceThenBreak ||= isBreak && previous === ' ';
    }
    previous = char;
  }
  return {
    empty: false,
    multiline: lineBreaks,
    plain: !(edgeSpace || breakThenSpace || spaceThenBreak || special || lineBreaks || indicators),
    singleQuoted: !(breakThenSpace || spaceThenBreak || special),
  };
}

function isSpecial(char: string, allowUnicode: boolean): boolean {
  if (char === '\n' || (char >= ' ' && char <= '~')) return false;
  return !(allowUnicode && isPrintableUnicode(char.codePointAt(0) ?? 0));
}

function isPrintableUnicode(code: number): boolean {
  if (code === 0xfeff) return false;
  return (
    code === 0x85 ||
    (code >= 0xa0 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code < 0x10ffff)
  );
}

/** YAML 1.1's implicit tags as PyYAML resolves them: a plain text matching one would be read as another type. */
const IMPLICIT: readonly RegExp[] = [
  /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
  /^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  /^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/,
  /^<<$/,
  /^(?:~|null|Null|NULL|)$/,
  /^(?:\d{4}-\d{2}-\d{2}|\d{4}-\d{1,2}-\d{1,2}(?:[Tt]|[ \t]+)\d{1,2}:\d{2}:\d{2}(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d{1,2}(?::\d{2})?))?)$/,
  /^=$/,
  /^[!&*]$/,
];

/** Whether PyYAML would read the plain text as text. */
export function isPlainText(text: string): boolean {
  return !IMPLICIT.some((pattern) => pattern.test(text));
}
