import { memo } from '@nemotron-convert/core';
import type { Param } from '../megatron/model.js';
import type { PlainOrigin } from '../models/family.js';
import type { Fields } from '../models/provider.js';
import type { Compiled } from './transforms/compiled.js';
import { compile } from './transforms/index.js';

/** Compiles origins once for all parameters of a kind, or for each expert of it: a stack holds them side by side. */
export class Compiler {
  readonly #provider: Fields;
  readonly #known = new Map<Param, Map<number, readonly Compiled[]>>();
  readonly #boxes = new Map<string, Compiled['boxes']>();

  constructor(provider: Fields) {
    this.#provider = provider;
  }

  /** The choices with the names of the table: their places are not filled. Equal boxes are one object. */
  compile(kind: Param, param: Param, choices: readonly PlainOrigin[]): readonly Compiled[] {
    const ofKind = memo(this.#known, kind, () => new Map<number, readonly Compiled[]>());
    return memo(ofKind, param.expert?.index ?? -1, () => {
      const context = {
        shape: param.shape,
        expert: param.expert,
        provider: param.provider ?? this.#provider,
      };
      return choices.map((origin) => {
        const { needs, boxes, fill } = compile(origin, context);
        const shared = this.#shared(boxes, fill);
        return fill === undefined ? { needs, boxes: shared } : { needs, boxes: shared, fill };
      });
    });
  }

  #shared(boxes: Compiled['boxes'], fill: Compiled['fill']): Compiled['boxes'] {
    return memo(this.#boxes, JSON.stringify([boxes, fill]), () => boxes);
  }
}
