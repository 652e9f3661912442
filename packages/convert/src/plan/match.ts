import type { MappingRow, Origin, PlainOrigin } from '../models/family.js';

/**
 * The mapping registry: the first row whose name equals a parameter's wins, as in Megatron-Bridge. Origins are filled
 * with the parameter's indices, left to right; an origin with fewer `*` uses the first ones.
 */
export class MappingRegistry {
  readonly #rows = new Map<string, Origin>();
  readonly #layers: number;

  /** `layers` is the decoder's number of layers. */
  constructor(rows: readonly MappingRow[], layers: number) {
    this.#layers = layers;
    for (const [name, origin] of rows) {
      if (!this.#rows.has(name)) this.#rows.set(name, origin);
    }
  }

  /** The origins that may fill a parameter, the preferred one first; null where no row names it. */
  find(name: string, indices: readonly number[]): readonly PlainOrigin[] | null {
    const origin = this.#rows.get(name);
    if (origin === undefined) return null;
    const choices = typeof origin === 'object' && 'oneOf' in origin ? origin.oneOf : [origin];
    return choices.map((choice) => fillOrigin(choice, indices, this.#layers));
  }
}

function fillOrigin(origin: PlainOrigin, indices: readonly number[], layers: number): PlainOrigin {
  if (typeof origin === 'string') return fillName(origin, indices, layers);
  const [kind, names] = Object.entries(origin)[0] as [string, readonly string[]];
  return { [kind]: names.map((name) => fillName(name, indices, layers)) } as unknown as PlainOrigin;
}

function fillName(name: string, indices: readonly number[], layers: number): string {
  let next = 0;
  return name.replace(/\{\*\+layers\}|\*/g, (token) => {
    const index = indices[next++] as number;
    return String(token === '*' ? index : index + layers);
  });
}
