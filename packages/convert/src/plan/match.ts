import { memo } from '@nemotron-convert/core';
import type { MappingRow, PlainOrigin } from '../models/family.js';
import type { Fields } from '../models/provider.js';

/** What a model counts by: the decoder's layers, and the layers of one multi-token prediction depth. */
export interface Counts {
  readonly layers: number;
  readonly experts: number;
  readonly perDepth: number;
}

export function countsOf(provider: Fields): Counts {
  return {
    layers: Number(provider['num_layers']),
    experts: Number(provider['num_moe_experts'] ?? 0),
    perDepth: String(provider['mtp_hybrid_override_pattern'] ?? '').length,
  };
}

/**
 * The mapping registry: the first row whose name equals a parameter's wins, as in Megatron-Bridge. Names of origins are
 * filled with the parameter's indices, left to right; a name with fewer `*` uses the first ones.
 */
export class MappingRegistry {
  readonly #rows = new Map<string, readonly PlainOrigin[]>();
  readonly #names = new Map<string, NameParts>();
  readonly #trees: (readonly [prefix: string, choices: readonly PlainOrigin[]])[] = [];
  readonly #counts: Counts;

  constructor(rows: readonly MappingRow[], counts: Counts) {
    this.#counts = counts;
    for (const [name, origin] of rows) {
      if (this.#rows.has(name)) continue;
      const choices = typeof origin === 'object' && 'oneOf' in origin ? origin.oneOf : [origin];
      if (name.endsWith(TREE)) this.#trees.push([name.slice(0, -TREE.length), choices]);
      else this.#rows.set(name, choices);
    }
  }

  /** The origins that may fill a parameter, the preferred one first; null where no row names it. */
  find(name: string): readonly PlainOrigin[] | null {
    return this.#rows.get(name) ?? this.#inTree(name);
  }

  /** A row of whole modules, `visual.**`, names each of their parameters as the source does. */
  #inTree(name: string): readonly PlainOrigin[] | null {
    const tree = this.#trees.find(([prefix]) => name.startsWith(prefix));
    if (tree === undefined) return null;
    const [prefix, choices] = tree;
    return choices.map((choice) => {
      if (typeof choice !== 'string') throw new TypeError(`the row ${prefix}** has no plain origin`);
      return choice.replace(TREE, name.slice(prefix.length));
    });
  }

  /** An origin's name with its places filled. */
  fill(name: string, indices: readonly number[]): string {
    const parts = memo(this.#names, name, () => splitName(name));
    let used = 0;
    const next = (): number => indices[used++] as number;
    let filled = parts.first;
    for (const [place, text] of parts.rest) filled += place(next, this.#counts) + text;
    return filled;
  }
}

/** Ends a row that stands for all parameters of a module. */
const TREE = '**';

type Place = (next: () => number, counts: Counts) => number;

/** The places of a name that stand for numbers. */
const PLACES: Readonly<Record<string, Place>> = {
  '{*+experts}': (next, { experts }) => next() + experts,
  '{*+layers}': (next, { layers }) => next() + layers,
  '{depth+first}': (next, { perDepth }) => next() * perDepth,
  '{depth+last}': (next, { perDepth }) => (next() + 1) * perDepth - 1,
  '{depth+*}': (next, { perDepth }) => next() * perDepth + next(),
  '*': (next) => next(),
};

/** A name cut at its places: the text before the first one, then each place with the text behind it. */
interface NameParts {
  readonly first: string;
  readonly rest: readonly (readonly [Place, string])[];
}

function splitName(name: string): NameParts {
  const [first = '', ...parts] = name.split(/(\{\*\+(?:layers|experts)\}|\{depth\+(?:first|last|\*)\}|\*)/);
  const rest: [Place, string][] = [];
  for (let at = 0; at < parts.length; at += 2) {
    rest.push([PLACES[parts[at] as string] as Place, parts[at + 1] as string]);
  }
  return { first, rest };
}
