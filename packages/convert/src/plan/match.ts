import type { MappingRow, Origin, PlainOrigin } from '../models/family.js';

/** What a model counts by: the decoder's layers, and the layers of one multi-token prediction depth. */
export interface Counts {
  readonly layers: number;
  readonly perDepth: number;
}

/**
 * The mapping registry: the first row whose name equals a parameter's wins, as in Megatron-Bridge. Origins are filled
 * with the parameter's indices, left to right; an origin with fewer `*` uses the first ones.
 */
export class MappingRegistry {
  readonly #rows = new Map<string, Origin>();
  readonly #counts: Counts;

  constructor(rows: readonly MappingRow[], counts: Counts) {
    this.#counts = counts;
    for (const [name, origin] of rows) {
      if (!this.#rows.has(name)) this.#rows.set(name, origin);
    }
  }

  /** The origins that may fill a parameter, the preferred one first; null where no row names it. */
  find(name: string, indices: readonly number[]): readonly PlainOrigin[] | null {
    const origin = this.#rows.get(name);
    if (origin === undefined) return null;
    const choices = typeof origin === 'object' && 'oneOf' in origin ? origin.oneOf : [origin];
    return choices.map((choice) => fillOrigin(choice, indices, this.#counts));
  }
}

function fillOrigin(origin: PlainOrigin, indices: readonly number[], counts: Counts): PlainOrigin {
  if (typeof origin === 'string') return fillName(origin, indices, counts);
  const [kind, names] = Object.entries(origin)[0] as [string, readonly string[]];
  return { [kind]: names.map((name) => fillName(name, indices, counts)) } as unknown as PlainOrigin;
}

type Place = (next: () => number, counts: Counts) => number;

/** The places of a name that stand for numbers, longest first. */
const PLACES: Readonly<Record<string, Place>> = {
  '{*+layers}': (next, { layers }) => next() + layers,
  '{depth+first}': (next, { perDepth }) => next() * perDepth,
  '{depth+last}': (next, { perDepth }) => (next() + 1) * perDepth - 1,
  '{depth+*}': (next, { perDepth }) => next() * perDepth + next(),
  '*': (next) => next(),
};

function fillName(name: string, indices: readonly number[], counts: Counts): string {
  let used = 0;
  const next = (): number => indices[used++] as number;
  return name.replace(/\{\*\+layers\}|\{depth\+(?:first|last|\*)\}|\*/g, (token) =>
    String((PLACES[token] as Place)(next, counts)),
  );
}
