import { isScalar, type Node as YamlNode } from 'yaml';
import type { Scalar } from './tree.js';
import { readPlainScalar, toFloat, toInt } from './yaml-scalar.js';

/** A scalar as the parser leaves it: its words, how they were written, and its tag. */
export type ScalarYaml = Extract<YamlNode, { source?: string; type?: unknown; value: unknown }> & {
  value: unknown;
  source?: string;
  type?: string;
};

export const CORE_TAG = 'tag:yaml.org,2002:';

/** What a scalar stands for, or why it cannot be a value. `text` is the whole document. */
export function scalarValue(
  node: ScalarYaml,
  text: string,
): { readonly value: Scalar } | { readonly error: string } {
  const quoted = node.type !== 'PLAIN' && node.type !== undefined;
  const words = quoted || node.source === undefined ? quotedText(node, text) : node.source;
  if (node.tag !== undefined && node.tag !== '!') return tagged(words, node.tag);
  if (quoted) return { value: words };
  const plain = readPlainScalar(words);
  if ('value' in plain) return plain;
  if ('invalid' in plain) return { error: `'${words}' is not a number` };
  return { error: noConstructor(`${CORE_TAG}${plain.special}`) };
}

/** A block text that the end of the document cuts off has no line break of its own. */
function quotedText(node: ScalarYaml, text: string): string {
  const value = typeof node.value === 'string' ? node.value : '';
  if (node.type === 'QUOTE_SINGLE' && /[\u0085\u2028\u2029]/.test(value)) return foldedText(node, text);
  const length = text.length - (text.startsWith('\ufeff') ? 1 : 0);
  const isCut = node.type?.startsWith('BLOCK') === true && !text.endsWith('\n');
  return isCut && (node.range?.[1] ?? 0) >= length ? value.replace(/\n$/, '') : value;
}

/** A single-quoted text with line breaks that YAML 1.2 no longer has: PyYAML's writer uses them, and drops blanks around. */
function foldedText(node: ScalarYaml, text: string): string {
  const [from = 0, to = 0] = node.range ?? [];
  const raw = text.replace(/^\ufeff/, '').slice(from + 1, to - 1);
  return raw
    .replaceAll("''", "'")
    .replaceAll(/[ \t]*(?:(?:\r\n|[\r\n\u0085\u2028\u2029])[ \t]*)+/g, (blanks) => {
      const breaks = blanks.match(/\r\n|[\r\n\u0085\u2028\u2029]/g) ?? [];
      const [first = '', ...rest] = breaks.map((each) => (/[\u2028\u2029]/.test(each) ? each : '\n'));
      const kept = rest.join('');
      if (first !== '\n') return first + kept;
      return kept === '' ? ' ' : kept;
    });
}

function tagged(words: string, tag: string): { readonly value: Scalar } | { readonly error: string } {
  if (tag === `${CORE_TAG}str`) return { value: words };
  if (tag === `${CORE_TAG}null`) return { value: null };
  if (tag === `${CORE_TAG}float` && /^[-+.\d_eE:infaINFA]+$/.test(words)) return { value: toFloat(words) };
  const plain = readPlainScalar(words);
  if (tag === `${CORE_TAG}bool` && 'value' in plain && typeof plain.value === 'boolean') return plain;
  const int = tag === `${CORE_TAG}int` ? toInt(words) : undefined;
  return int !== undefined && 'value' in int ? int : { error: noConstructor(tag) };
}

export function noConstructor(tag: string): string {
  return `could not determine a constructor for the tag '${tag}'`;
}

/** A plain `<<` merges maps into its own. */
export function isMergeKey(key: YamlNode | null): boolean {
  return isScalar(key) && key.type === 'PLAIN' && key.tag === undefined && key.source === '<<';
}

/** A plain `=` is text as a key, although it is no value. */
export function isValueKey(key: ScalarYaml): boolean {
  return key.type === 'PLAIN' && key.tag === undefined && key.source === '=';
}
