/** A text that values were read from. */
export interface Source {
  /** As messages name it: a path, `override 2`, `env.toml`. */
  readonly name: string;
  readonly text: string;
  /** The absolute path of a file. */
  readonly path?: string;
}

/** Where a value was written: a place in a source, both counted from 1. */
export interface Origin {
  readonly source: Source;
  readonly line: number;
  readonly column: number;
}

/** `conf/mine.yaml:3:7`; an override needs no line. */
export function describeOrigin(origin: Origin): string {
  const { source, line, column } = origin;
  return source.name.startsWith('override ')
    ? `${source.name}: ${source.text}`
    : `${source.name}:${line}:${column}`;
}

const CONTEXT = 1;
const WIDEST = 160;

/** The lines around a place, with a caret under it. */
export function codeFrame(origin: Origin): string {
  const lines = linesAround(origin.source.text, origin.line);
  const width = String(origin.line + CONTEXT).length;
  const out: string[] = [];
  for (const [number, text] of lines) {
    out.push(
      `${number === origin.line ? '>' : ' '} ${String(number).padStart(width)} | ${text.slice(0, WIDEST)}`,
    );
    if (number === origin.line && origin.column <= WIDEST) {
      out.push(`  ${' '.repeat(width)} | ${' '.repeat(origin.column - 1)}^`);
    }
  }
  return out.join('\n');
}

function linesAround(text: string, line: number): [number, string][] {
  const all = text.split('\n');
  const first = Math.max(1, line - CONTEXT);
  const found: [number, string][] = [];
  for (let number = first; number <= Math.min(all.length, line + CONTEXT); number += 1) {
    found.push([number, all[number - 1] ?? '']);
  }
  return found;
}
