import { GrammarScanner } from './grammar-scanner.js';

/** A part of a text: literal characters, or an interpolation. */
export type Part = string | Interpolation;
export interface NodeInterpolation {
  readonly kind: 'node';
  /** The dotted key as written; nested interpolations stand for keys. */
  readonly key: readonly Part[];
}
export interface ResolverInterpolation {
  readonly kind: 'resolver';
  /** Names joined by dots. */
  readonly name: readonly Part[];
  readonly args: readonly Element[];
}
export type Interpolation = NodeInterpolation | ResolverInterpolation;

/** An argument of a resolver, or a value inside one. */
export type Element =
  | { readonly kind: 'value'; readonly value: null | boolean | bigint | number | string }
  | { readonly kind: 'text'; readonly parts: readonly Part[] }
  | { readonly kind: 'quoted'; readonly parts: readonly Part[] }
  | { readonly kind: 'list'; readonly items: readonly Element[] }
  | { readonly kind: 'dict'; readonly entries: readonly (readonly [Element, Element])[] };

/** Deeper nesting is an attack or an accident. */
const MAX_DEPTH = 100;
type Quote = "'" | '"';

/** Parses a value that contains `${`: literal text and interpolations. Throws GrammarError. */
export function parseText(text: string): readonly Part[] {
  const parser = new Parser(text);
  const parts = parser.text(undefined);
  return parts;
}

/** Parses one element of the argument grammar, as `oc.decode` does. Throws GrammarError. */
export function parseElement(text: string): Element {
  const parser = new Parser(text);
  const element = parser.element();
  if (!parser.scan.done) throw parser.scan.error('expected the end of the text');
  return element;
}

class Parser {
  readonly scan: GrammarScanner;
  #depth = 0;

  constructor(text: string) {
    this.scan = new GrammarScanner(text);
  }

  /** Literal text up to the end, or up to the closing quote, which is consumed. */
  text(quote: Quote | undefined): Part[] {
    const parts: Part[] = [];
    const literal = (text: string) => {
      const last = parts.length - 1;
      if (typeof parts[last] === 'string') parts[last] += text;
      else parts.push(text);
    };
    for (;;) {
      const { scan } = this;
      const slashes = scan.run('\\');
      if (scan.startsWith('${')) {
        const kept = '\\'.repeat(slashes >> 1);
        if (slashes % 2 === 1) {
          // An odd number of backslashes escapes the interpolation.
          scan.skip(2);
          literal(`${kept}\${`);
          continue;
        }
        if (kept !== '') literal(kept);
        parts.push(this.interpolation());
        continue;
      }
      if (quote !== undefined && scan.peek() === quote) {
        if (slashes > 1) literal('\\'.repeat(slashes >> 1));
        scan.skip(1);
        if (slashes % 2 === 0) return parts;
        literal(quote);
        continue;
      }
      if (slashes > 0) literal('\\'.repeat(slashes));
      const plain = scan.plain(quote);
      if (plain !== '') literal(plain);
      else if (scan.done) break;
    }
    if (quote !== undefined) throw this.scan.error(`missing closing ${quote}`);
    return parts;
  }

  interpolation(): Interpolation {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw this.scan.error(`nested deeper than ${MAX_DEPTH} levels`);
    const { scan } = this;
    scan.skip(2);
    scan.space();
    const found = this.#head();
    this.#depth -= 1;
    return found;
  }

  /** What follows `${`: a key path closed by a brace, or a resolver's name and a colon. */
  #head(): Interpolation {
    const { scan } = this;
    const key: Part[] = [];
    let canBeName = true;
    while (scan.peek() === '.') {
      scan.skip(1);
      key.push('.');
      canBeName = false;
    }
    for (let first = true; ; first = false) {
      if (!first && scan.closes(':')) {
        if (!canBeName) throw scan.error('a resolver name has no brackets and no special characters');
        return { kind: 'resolver', name: key, args: this.#arguments() };
      }
      if (!first && scan.closes('}')) return { kind: 'node', key };
      if (scan.peek() === '[') {
        scan.skip(1);
        key.push('[');
        this.#configKey(key);
        if (scan.peek() !== ']') throw scan.error("expected ']'");
        scan.skip(1);
        key.push(']');
        canBeName = false;
        continue;
      }
      if (!first) {
        if (scan.peek() !== '.') throw scan.error("expected '.', '[', ':' or '}'");
        scan.skip(1);
        key.push('.');
      }
      if (!this.#configKey(key)) canBeName = false;
    }
  }

  /** Reads one key; returns whether it can be part of a resolver's name. */
  #configKey(key: Part[]): boolean {
    const { scan } = this;
    const spaces = scan.spacesBefore('${');
    if (spaces !== undefined) {
      scan.skip(spaces);
      key.push(this.interpolation());
      return true;
    }
    const word = scan.key();
    if (word === '') throw scan.error('expected a key');
    key.push(word);
    return /^[A-Za-z_][A-Za-z0-9_-]*$/.test(word);
  }

  #arguments(): Element[] {
    const items = this.#sequence('}');
    this.scan.skip(1);
    return items;
  }

  /** Elements between commas up to a closing bracket; a missing one is an empty text. */
  #sequence(close: ']' | '}'): Element[] {
    const { scan } = this;
    const items: Element[] = [];
    if (scan.closesAt(close)) return items;
    let needsElement = true;
    for (;;) {
      if (scan.comma()) {
        if (needsElement) items.push(EMPTY);
        needsElement = true;
        continue;
      }
      if (scan.closesAt(close)) {
        if (needsElement) items.push(EMPTY);
        return items;
      }
      if (!needsElement) throw scan.error(`expected ',' or '${close}'`);
      items.push(this.element());
      needsElement = false;
    }
  }

  element(): Element {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw this.scan.error(`nested deeper than ${MAX_DEPTH} levels`);
    const found = this.#element();
    this.#depth -= 1;
    return found;
  }

  #element(): Element {
    const { scan } = this;
    const next = scan.peek();
    if (next === "'" || next === '"') {
      scan.skip(1);
      return { kind: 'quoted', parts: this.text(next) };
    }
    if (next === '[') {
      scan.skip(1);
      scan.space();
      const items = this.#sequence(']');
      scan.skip(1);
      return { kind: 'list', items };
    }
    if (next === '{') return this.#dict();
    return this.#primitive(true);
  }

  #dict(): Element {
    const { scan } = this;
    const entries: [Element, Element][] = [];
    scan.skip(1);
    scan.space();
    if (!scan.closesAt('}')) {
      do {
        const key = this.#primitive(false);
        if (!scan.colon()) throw scan.error("expected ':'");
        entries.push([key, this.element()]);
      } while (scan.comma());
    }
    if (!scan.closesAt('}')) throw scan.error("expected ',' or '}'");
    scan.skip(1);
    return { kind: 'dict', entries };
  }

  /** An unquoted value: one typed word, or several tokens glued into text. Keys take no colon and no interpolation. */
  #primitive(isValue: boolean): Element {
    const { scan } = this;
    const parts: Part[] = [];
    let tokens = 0;
    let typed: Element | undefined;
    for (;;) {
      if (scan.startsWith('${')) {
        if (!isValue) throw scan.error('a key cannot be an interpolation');
        parts.push(this.interpolation());
      } else {
        const token = scan.token(isValue);
        if (token === undefined) break;
        parts.push(token.text);
        typed = { kind: 'value', value: token.value };
      }
      tokens += 1;
    }
    if (tokens === 0) throw scan.error('expected a value');
    if (tokens === 1 && typeof parts[0] === 'string' && typed !== undefined) return typed;
    return { kind: 'text', parts };
  }
}

const EMPTY: Element = { kind: 'value', value: '' };
