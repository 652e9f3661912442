import type { MappingRow, Origin } from '../models/family.js';

/**
 * The mapping registry: the first row whose name equals a parameter's wins, as in Megatron-Bridge. Origins are filled
 * with the parameter's indices, left to right; an origin with fewer `*` uses the first ones.
 */
export class MappingRegistry {
  readonly #rows = new Map<string, Origin>();

  constructor(rows: readonly MappingRow[]) {
    for (const [name, origin] of rows) {
      if (!this.#rows.has(name)) this.#rows.set(name, origin);
    }
  }

  find(name: string, indices: readonly number[]): Origin | null {
    const origin = this.#rows.get(name);
    return origin === undefined ? null : fillOrigin(origin, indices);
  }
}

export function fillOrigin(origin: Origin, indices: readonly number[]): Origin {
  if (typeof origin === 'string') return fillName(origin, indices);
  const [kind, names] = Object.entries(origin)[0] as [string, readonly string[]];
  return { [kind]: names.map((name) => fillName(name, indices)) } as unknown as Origin;
}

function fillName(name: string, indices: readonly number[]): string {
  let next = 0;
  return name.replaceAll('*', () => String(indices[next++]));
}
