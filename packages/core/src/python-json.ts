import type { PyMap, PyValue } from './python-value.js';

/** Deep enough for every real configuration, shallow enough for the stack. */
const MAX_DEPTH = 200;

/** Where and why a JSON text could not be read. */
export class JsonSyntaxError extends Error {
  constructor(
    message: string,
    readonly line: number,
    readonly column: number,
  ) {
    super(`${message} at line ${line}, column ${column}`);
    this.name = 'JsonSyntaxError';
  }
}

/**
 * Reads JSON as Python's json module does: ints and floats are told apart (`1` is a bigint, `1.0` a number), `NaN`,
 * `Infinity` and `-Infinity` are accepted (real config.json files hold them), the last of two equal keys wins.
 * Objects have no prototype. Throws JsonSyntaxError.
 */
export function parsePythonJson(text: string): PyValue {
  return new JsonReader(text).document();
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};
const CONSTANTS: readonly (readonly [string, PyValue])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
];
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids raw control characters in strings
const PLAIN = /[^"\\\u0000-\u001f]*/y;

class JsonReader {
  #at = 0;

  constructor(readonly text: string) {}

  document(): PyValue {
    if (this.text.charCodeAt(0) === 0xfeff) this.#at = 1;
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.text.length) throw this.#error('unexpected text after the value');
    return value;
  }

  #value(depth: number): PyValue {
    if (depth > MAX_DEPTH) throw this.#error(`nested deeper than ${MAX_DEPTH} levels`);
    this.#space();
    const next = this.text[this.#at];
    if (next === '{') return this.#object(depth);
    if (next === '[') return this.#array(depth);
    if (next === '"') return this.#string();
    for (const [word, value] of CONSTANTS) {
      if (this.text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    return this.#number();
  }

  #object(depth: number): PyMap {
    const map: Record<string, PyValue> = Object.create(null) as Record<string, PyValue>;
    this.#at += 1;
    this.#space();
    if (this.#take('}')) return map;
    do {
      this.#space();
      if (this.text[this.#at] !== '"') throw this.#error('expected a quoted key');
      const key = this.#string();
      this.#space();
      if (!this.#take(':')) throw this.#error("expected ':'");
      map[key] = this.#value(depth + 1);
      this.#space();
    } while (this.#take(','));
    if (!this.#take('}')) throw this.#error("expected ',' or '}'");
    return map;
  }

  #array(depth: number): PyValue[] {
    const list: PyValue[] = [];
    this.#at += 1;
    this.#space();
    if (this.#take(']')) return list;
    do {
      list.push(this.#value(depth + 1));
      this.#space();
    } while (this.#take(','));
    if (!this.#take(']')) throw this.#error("expected ',' or ']'");
    return list;
  }

  #string(): string {
    this.#at += 1;
    let out = '';
    for (;;) {
      PLAIN.lastIndex = this.#at;
      const plain = PLAIN.exec(this.text)?.[0] ?? '';
      out += plain;
      this.#at += plain.length;
      if (this.#take('"')) return out;
      if (!this.#take('\\')) throw this.#error('unterminated string');
      out += this.#escape();
    }
  }

  #escape(): string {
    const letter = this.text[this.#at] ?? '';
    this.#at += 1;
    if (letter === 'u') {
      const hex = this.text.slice(this.#at, this.#at + 4);
      if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw this.#error('invalid \\u escape');
      this.#at += 4;
      return String.fromCharCode(Number.parseInt(hex, 16));
    }
    const found = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (found === undefined) throw this.#error('invalid escape');
    return found;
  }

  #number(): bigint | number {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.text);
    if (match === null) throw this.#error('expected a value');
    this.#at += match[0].length;
    return match[1] === undefined && match[2] === undefined ? BigInt(match[0]) : Number(match[0]);
  }

  #space(): void {
    while (' \t\n\r'.includes(this.text[this.#at] ?? 'x')) this.#at += 1;
  }

  #take(char: string): boolean {
    if (this.text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }

  #error(message: string): JsonSyntaxError {
    const before = this.text.slice(0, this.#at);
    const line = before.split('\n').length;
    return new JsonSyntaxError(message, line, this.#at - before.lastIndexOf('\n'));
  }
}
