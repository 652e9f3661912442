import type { Param, Part } from '../megatron/model.js';

/**
 * Parameters that differ in their indices only are of one kind: layers and experts repeat themselves, so a model of a
 * hundred thousand parameters has a few dozen, and what follows from a parameter's sizes is worked out once for each.
 */
export class Kinds {
  readonly #byName = new Map<string, Param[]>();

  /** The first parameter of the same kind, which stands for all of them. */
  of(param: Param): Param {
    const known = this.#byName.get(param.name);
    if (known === undefined) {
      this.#byName.set(param.name, [param]);
      return param;
    }
    const same = known.find((other) => isSameKind(other, param));
    if (same !== undefined) return same;
    known.push(param);
    return param;
  }
}

function isSameKind(a: Param, b: Param): boolean {
  return (
    sameShape(a.shape, b.shape) &&
    a.split === b.split &&
    a.axes.length === b.axes.length &&
    a.provider === b.provider &&
    a.expert?.count === b.expert?.count &&
    sameParts(a.parts, b.parts)
  );
}

function sameParts(a: readonly Part[], b: readonly Part[]): boolean {
  return (
    a.length === b.length && a.every((part, i) => part.rows === b[i]?.rows && part.suffix === b[i]?.suffix)
  );
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let d = 0; d < a.length; d += 1) if (a[d] !== b[d]) return false;
  return true;
}
