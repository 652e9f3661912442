import { GrammarError } from './grammar-error.js';

/** A token of an unquoted value: the text it adds to a longer value, and what it is when alone. */
export interface Token {
  readonly text: string;
  readonly value: null | boolean | bigint | number | string;
}

const DIGITS = '(?:0|[1-9](?:_?[0-9])*)';
const POINT = `(?:${DIGITS}\\.(?:[0-9](?:_?[0-9])*)?|\\.[0-9](?:_?[0-9])*)`;
const EXPONENT = `(?:${POINT}|${DIGITS})[eE][-+]?[0-9](?:_?[0-9])*`;
const FLOAT = new RegExp(`[-+]?(?:${EXPONENT}|${POINT}|[Ii][Nn][Ff]|[Nn][Aa][Nn])`, 'y');
const INT = new RegExp(`[-+]?${DIGITS}`, 'y');
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
/** A backslash before one of these gives the character itself; before another it is a character of its own. */
const ESCAPED = /(?:\\[\\()[\]{}:=, \t])+/y;
const LONE = /[/\-\\+.$%*@?|]/y;
const COLON = /[ \t]*:[ \t]*/y;
const BLANK = /[ \t]+/y;
const KEY = /(?:(?!\$\{)[^\\{}()[\]:. \t'"])+/y;
const PLAIN = {
  none: /(?:[^\\$]|\$(?!\{))+/y,
  "'": /(?:[^\\$']|\$(?!\{))+/y,
  '"': /(?:[^\\$"]|\$(?!\{))+/y,
};

/** The lexical part of the interpolation grammar: longest match first, one position. */
export class GrammarScanner {
  #at = 0;

  constructor(readonly text: string) {}

  get done(): boolean {
    return this.#at >= this.text.length;
  }

  peek(): string {
    return this.text.charAt(this.#at);
  }

  skip(count: number): void {
    this.#at += count;
  }

  startsWith(word: string): boolean {
    return this.text.startsWith(word, this.#at);
  }

  /** Consumes a run of one character and returns its length. */
  run(char: string): number {
    const start = this.#at;
    while (this.text.charAt(this.#at) === char) this.#at += 1;
    return this.#at - start;
  }

  plain(quote: "'" | '"' | undefined): string {
    return this.#take(PLAIN[quote ?? 'none']);
  }

  key(): string {
    return this.#take(KEY);
  }

  space(): void {
    this.#take(BLANK);
  }

  /** The number of blanks before a word that follows, or undefined. */
  spacesBefore(word: string): number | undefined {
    const blanks = this.#match(BLANK).length;
    return this.text.startsWith(word, this.#at + blanks) ? blanks : undefined;
  }

  /** Consumes a closing colon or brace of a key path, with the blanks before it (and after a colon). */
  closes(char: ':' | '}'): boolean {
    const blanks = this.#match(BLANK).length;
    if (this.text.charAt(this.#at + blanks) !== char) return false;
    this.#at += blanks + 1;
    if (char === ':') this.space();
    return true;
  }

  /** Whether a closing bracket follows; the blanks before it are consumed. */
  closesAt(char: ']' | '}'): boolean {
    const blanks = this.#match(BLANK).length;
    if (this.text.charAt(this.#at + blanks) !== char) return false;
    this.#at += blanks;
    return true;
  }

  comma(): boolean {
    const blanks = this.#match(BLANK).length;
    if (this.text.charAt(this.#at + blanks) !== ',') return false;
    this.#at += blanks + 1;
    this.space();
    return true;
  }

  colon(): boolean {
    return this.#take(COLON) !== '';
  }

  /** The next token of an unquoted value, or undefined at a bracket, comma, quote, or the end. */
  token(withColon: boolean): Token | undefined {
    const float = this.#match(FLOAT);
    const int = this.#match(INT);
    const word = this.#match(WORD);
    const longest = Math.max(float.length, int.length, word.length);
    if (longest > 0) {
      this.#at += longest;
      if (float.length === longest) return { text: float, value: parseFloatText(float) };
      if (int.length === longest)
        return { text: int, value: BigInt(int.replaceAll('_', '').replace('+', '')) };
      return { text: word, value: wordValue(word) };
    }
    const escaped = this.#take(ESCAPED);
    if (escaped !== '') {
      const text = escaped.replace(/\\(.)/g, '$1');
      return { text, value: text };
    }
    const colon = withColon ? this.#take(COLON) : '';
    const lone = colon === '' ? this.#take(LONE) : colon;
    if (lone !== '') return { text: lone, value: lone };
    return this.#blank(withColon ? ',}]' : ',}]:');
  }

  /** Blanks inside a value are kept; before what ends it they belong to that. */
  #blank(ends: string): Token | undefined {
    const blanks = this.#match(BLANK);
    if (blanks === '') return undefined;
    const next = this.text.charAt(this.#at + blanks.length);
    if (next !== '' && ends.includes(next)) return undefined;
    this.#at += blanks.length;
    return { text: blanks, value: blanks };
  }

  error(message: string): GrammarError {
    const found = this.done ? 'the end' : `'${this.text.slice(this.#at, this.#at + 12)}'`;
    return new GrammarError(`${message}, found ${found}`, this.#at);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.text)?.[0] ?? '';
  }

  #take(pattern: RegExp): string {
    const text = this.#match(pattern);
    this.#at += text.length;
    return text;
  }
}

function parseFloatText(text: string): number {
  const bare = text.replaceAll('_', '').toLowerCase();
  if (bare.endsWith('nan')) return Number.NaN;
  if (bare.endsWith('inf')) return bare.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(bare);
}

function wordValue(word: string): null | boolean | string {
  const lower = word.toLowerCase();
  if (lower === 'null') return null;
  return lower === 'true' || lower === 'false' ? lower === 'true' : word;
}
