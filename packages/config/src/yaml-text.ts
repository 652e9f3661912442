import { Lexer, type LineCounter, parseAllDocuments } from 'yaml';
import type { Origin, Source } from './origin.js';
import { problem } from './problem.js';

/** A configuration larger than this is a mistake (a checkpoint, a log); reading it would only take long. */
const MAX_LENGTH = 1_000_000;

const FIRST_LINE = /^(?:[ \t]*(?:#.*)?\r?\n)*(%.*|\.\.\.(?=\s|$))/;

/** A document end before any document, and directives without one, are errors to PyYAML alone. */
function refuseMarkers(source: Source): void {
  const [, marker] = FIRST_LINE.exec(source.text) ?? [];
  if (marker === undefined) return;
  if (marker.startsWith('%') && /^---(?=\s|$)/m.test(source.text)) return;
  throw problem('CONFIG_SYNTAX', 'ParserError', `expected a value, found '${marker}'`, {
    origin: { source, line: 1, column: 1 },
  });
}

const CONTROL = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/** PyYAML refuses characters that cannot be printed. */
function refuseControls(source: Source): void {
  const found = CONTROL.exec(source.text);
  if (found === null) return;
  const code = (found[0].codePointAt(0) ?? 0).toString(16).padStart(4, '0');
  throw problem('CONFIG_SYNTAX', 'ReaderError', `${source.name}: the character U+${code} is not allowed`, {
    origin: placeAt(source, found.index),
    hint: 'write it as an escape in double quotes',
  });
}

/** PyYAML takes tabs only inside quotes, block texts and comments. */
function refuseTabs(source: Source): void {
  if (!source.text.includes('\t')) return;
  let offset = 0;
  let plain = false;
  let block = false;
  for (const token of new Lexer().lex(source.text)) {
    if (token === SCALAR_MARK) {
      plain = !block;
      block = false;
      continue;
    }
    if ('|>'.includes(token.charAt(0)) && token !== '') block = true;
    const tab = plain || /^[ \t]+$/.test(token) ? token.indexOf('\t') : -1;
    if (tab !== -1) throw tabProblem(source, offset + tab);
    plain = false;
    if (!MARKS.includes(token)) offset += token.length;
  }
}

/** The lexer's marks of a document and of a text that is neither quoted nor punctuation. */
const SCALAR_MARK = '\x1f';
const MARKS = ['\x02', '\x18', SCALAR_MARK];

function tabProblem(source: Source, offset: number) {
  const origin = placeAt(source, offset);
  return problem('CONFIG_SYNTAX', 'ScannerError', 'found a tab outside quotes', {
    origin,
    hint: 'use spaces',
  });
}

function placeAt(source: Source, offset: number): Origin {
  const before = source.text.slice(0, offset).split('\n');
  return { source, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** Parses a text into documents without giving its words a meaning. Throws CONFIG_SYNTAX. */
export function parseDocuments(source: Source, lines: LineCounter, maxDepth: number) {
  if (source.text.length > MAX_LENGTH) {
    throw problem('CONFIG_SYNTAX', 'OSError', `${source.name} has more than ${MAX_LENGTH} characters`, {
      hint: 'a configuration is a small YAML file; check the path',
    });
  }
  refuseControls(source);
  refuseMarkers(source);
  refuseTabs(source);
  try {
    return parseAllDocuments(source.text.replace(/^\ufeff/, ''), {
      version: '1.1',
      schema: 'failsafe',
      uniqueKeys: false,
      prettyErrors: false,
      lineCounter: lines,
    });
  } catch (cause) {
    // The parser recurses; it runs out of stack long after any real configuration ends.
    if (cause instanceof RangeError) throw nestedTooDeep(source, maxDepth);
    throw cause;
  }
}

export function nestedTooDeep(source: Source, maxDepth: number) {
  return problem(
    'CONFIG_SYNTAX',
    'ConstructorError',
    `${source.name} is nested deeper than ${maxDepth} levels`,
  );
}
