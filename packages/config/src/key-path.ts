const HEAD = /^\.*[^.[]*/;
const OTHER = /\.([^.[]*)|\[(.*?)\]/g;

/**
 * Splits a dotted key as OmegaConf does: dots and brackets separate alike, empty parts are keys, an unclosed bracket is
 * dropped. `a.b[0]` is a, b, 0; `.a` is an empty part and a.
 */
export function splitKey(key: string): string[] {
  const head = HEAD.exec(key)?.[0] ?? '';
  const parts = head.split('.');
  if (head.length === key.length) return parts;
  if (key.charAt(head.length) === '[' && parts.at(-1) === '') parts.pop();
  for (const [, dotted, bracketed] of key.slice(head.length).matchAll(OTHER)) {
    parts.push(dotted === undefined || dotted === '' ? (bracketed ?? '') : dotted);
  }
  return parts;
}

/** A list index as Python's int() reads it, undefined for another word. */
export function listIndex(text: string): number | undefined {
  return /^\s*[-+]?\d+(?:_\d+)*\s*$/.test(text) ? Number(text.replaceAll('_', '')) : undefined;
}
