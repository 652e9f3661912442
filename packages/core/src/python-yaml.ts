import { escapeSequence, needsEscape } from './python-yaml-escape.js';
import { compareKeys, hasSurrogates, scalarText, tagLength, type YamlKey } from './python-yaml-key.js';
import { isPlainText, isWord, type ScalarShape, shapeOf, WORD_SHAPE } from './python-yaml-scalar.js';

/** What the writer takes: bigint is Python's int, number its float; maps keep their order. */
export type YamlValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly YamlValue[]
  | ReadonlyMap<YamlKey, YamlValue>
  | { readonly [key: string]: YamlValue };
export type { YamlKey } from './python-yaml-key.js';

export interface YamlOptions {
  /** Sorts the keys of every map, as `yaml.dump` does by default. Default false. */
  readonly sortKeys?: boolean;
  /** Writes non-ASCII characters as they are; otherwise as escapes. Default true. */
  readonly allowUnicode?: boolean;
  /** Texts to put in single quotes although plain ones would be read back alike. */
  readonly quoted?: (text: string) => boolean;
}

const WIDTH = 80;
const INDENT = 2;
/** A longer key (with its tag) is written in `? key` form. */
const SIMPLE_KEY_LIMIT = 128;
const BREAKS = '\n\u0085\u2028\u2029';

/** A scalar ready to write: its text, its style, and the length of its tag (`!!str`), which counts for keys. */
interface Scalar {
  /** One text of what needs no look at its characters. */
  readonly chars: readonly string[];
  readonly length: number;
  readonly shape: ScalarShape;
  readonly style: 'plain' | 'single' | 'any';
  readonly tagLength: number;
}

/** Block-style YAML byte for byte as PyYAML 6 writes it (`default_flow_style=False`, width 80, indent 2). */
export function dumpPythonYaml(value: YamlValue, options: YamlOptions = {}): string {
  return new Emitter(options).document(value);
}

/** A port of the behaviour of PyYAML's emitter: column bookkeeping decides where text folds. */
class Emitter {
  #out: string[] = [];
  #column = 0;
  #whitespace = true;
  #indention = true;

  constructor(readonly options: YamlOptions) {}

  document(value: YamlValue): string {
    const open = this.#node(value, -INDENT, { key: false, inMap: false });
    this.#newline(0);
    if (open) this.#out.push('...\n');
    return this.#out.join('');
  }

  /** Returns whether the node is a plain scalar, which leaves a document open when it is the root. */
  #node(value: YamlValue, indent: number, at: { key: boolean; inMap: boolean }): boolean {
    if (isList(value)) {
      if (value.length === 0) this.#indicator('[]', true);
      else this.#list(value, at.inMap && !this.#indention ? indent : indent + INDENT);
      return false;
    }
    if (isMapping(value)) {
      const entries = this.#entries(value);
      if (entries.length === 0) this.#indicator('{}', true);
      else this.#map(entries, indent + INDENT);
      return false;
    }
    return this.#scalar(this.#prepare(value), Math.max(indent, 0) + INDENT, at.key);
  }

  #list(items: readonly YamlValue[], indent: number): void {
    for (const item of items) {
      this.#newline(indent);
      this.#indicator('-', true, true);
      this.#node(item, indent, { key: false, inMap: false });
    }
  }

  #map(entries: readonly (readonly [YamlKey, YamlValue])[], indent: number): void {
    for (const [key, value] of entries) {
      this.#newline(indent);
      const scalar = this.#prepare(key);
      const simple =
        scalar.length + scalar.tagLength < SIMPLE_KEY_LIMIT && !scalar.shape.empty && !scalar.shape.multiline;
      if (!simple) this.#indicator('?', true, true);
      this.#scalar(scalar, indent + INDENT, simple);
      if (!simple) this.#newline(indent);
      this.#indicator(':', !simple, !simple);
      this.#node(value, indent, { key: false, inMap: true });
    }
  }

  #entries(value: ReadonlyMap<YamlKey, YamlValue> | { readonly [key: string]: YamlValue }) {
    const entries: [YamlKey, YamlValue][] = isJsMap(value) ? [...value] : Object.entries(value);
    return this.options.sortKeys === true ? entries.sort(([a], [b]) => compareKeys(a, b)) : entries;
  }

  #prepare(value: YamlKey): Scalar {
    const text = scalarText(value);
    const isText = typeof value === 'string';
    const whole = !isText || isWord(text);
    const chars = whole ? [text] : Array.from(text);
    const length = whole ? text.length : chars.length;
    const shape = whole ? WORD_SHAPE : shapeOf(chars, this.options.allowUnicode ?? true);
    const forced = isText && (this.options.quoted?.(value) ?? false);
    const style = !isText || (!forced && isPlainText(text) && shape.plain) ? 'plain' : 'any';
    return { chars, length, shape, style, tagLength: tagLength(value) };
  }

  #scalar(scalar: Scalar, indent: number, isKey: boolean): boolean {
    const split = !isKey;
    if (scalar.style === 'plain') this.#plain(scalar.chars, split, indent);
    else if (scalar.shape.singleQuoted && !(isKey && scalar.shape.multiline)) {
      this.#singleQuoted(scalar.chars, split, indent);
    } else this.#doubleQuoted(scalar.chars, split, indent);
    return scalar.style === 'plain';
  }

  #plain(chars: readonly string[], split: boolean, indent: number): void {
    if (!this.#whitespace) this.#write(' ');
    this.#whitespace = false;
    this.#indention = false;
    this.#foldSpaces(chars, (start, end) => {
      if (!(start + 1 === end && this.#column > WIDTH && split)) return false;
      this.#newline(indent);
      this.#whitespace = false;
      this.#indention = false;
      return true;
    });
  }

  #singleQuoted(chars: readonly string[], split: boolean, indent: number): void {
    this.#indicator("'", true);
    this.#foldSpaces(
      chars,
      (start, end) => {
        const inside = start !== 0 && end !== chars.length;
        if (!(start + 1 === end && this.#column > WIDTH && split && inside)) return false;
        this.#newline(indent);
        return true;
      },
      indent,
    );
    this.#indicator("'", false);
  }

  /** Writes runs of spaces, breaks and other text; `fold` may turn a run of spaces into a line break. */
  #foldSpaces(
    chars: readonly string[],
    fold: (start: number, end: number) => boolean,
    quotedIndent?: number,
  ): void {
    let at = 0;
    while (at < chars.length) {
      const kind = runKind(chars[at]);
      let end = at + 1;
      while (end < chars.length && runKind(chars[end]) === kind) end += 1;
      const run = chars.slice(at, end);
      const text = run.join('');
      if (kind === 'break') this.#breaks(run, quotedIndent ?? 0);
      else if (kind === 'text') this.#write(quotedIndent === undefined ? text : text.replaceAll("'", "''"));
      else if (!fold(at, end)) this.#write(text);
      at = end;
    }
  }

  #breaks(run: readonly string[], indent: number): void {
    // The first newline of a run folds into a space when read back, so it is written twice.
    for (const char of run[0] === '\n' ? ['\n', ...run] : run) this.#lineBreak(char);
    this.#newline(indent);
  }

  #doubleQuoted(chars: readonly string[], split: boolean, indent: number): void {
    const allowUnicode = this.options.allowUnicode ?? true;
    this.#indicator('"', true);
    let start = 0;
    for (let end = 0; end <= chars.length; end += 1) {
      const char = chars[end];
      if (char === undefined || needsEscape(char, allowUnicode)) {
        if (start < end) this.#write(chars.slice(start, end).join(''));
        start = end;
        if (char !== undefined) {
          this.#write(escapeSequence(char));
          start = end + 1;
        }
      }
      const inside = end > 0 && end < chars.length - 1;
      if (inside && split && (char === ' ' || start >= end) && this.#column + (end - start) > WIDTH) {
        this.#write(`${chars.slice(start, Math.max(start, end)).join('')}\\`);
        start = Math.max(start, end);
        this.#newline(indent);
        this.#whitespace = false;
        this.#indention = false;
        if (chars[start] === ' ') this.#write('\\');
      }
    }
    this.#indicator('"', false);
  }

  #indicator(text: string, needSpace: boolean, indention = false): void {
    this.#write(this.#whitespace || !needSpace ? text : ` ${text}`);
    this.#whitespace = false;
    this.#indention = this.#indention && indention;
  }

  #newline(indent: number): void {
    if (!this.#indention || this.#column > indent || (this.#column === indent && !this.#whitespace)) {
      this.#lineBreak('\n');
    }
    if (this.#column < indent) {
      this.#whitespace = true;
      this.#write(' '.repeat(indent - this.#column));
    }
  }

  #lineBreak(char: string): void {
    this.#out.push(char);
    this.#whitespace = true;
    this.#indention = true;
    this.#column = 0;
  }

  #write(text: string): void {
    this.#out.push(text);
    this.#column += hasSurrogates(text) ? Array.from(text).length : text.length;
  }
}

const isList: (value: YamlValue) => value is readonly YamlValue[] = Array.isArray;

function isJsMap(value: object): value is ReadonlyMap<YamlKey, YamlValue> {
  return value instanceof Map;
}

function isMapping(
  value: YamlValue,
): value is ReadonlyMap<YamlKey, YamlValue> | { readonly [key: string]: YamlValue } {
  return typeof value === 'object' && value !== null;
}

function runKind(char: string | undefined): 'space' | 'break' | 'text' {
  if (char === ' ') return 'space';
  return char !== undefined && BREAKS.includes(char) ? 'break' : 'text';
}
