import { memo } from '@nemotron-convert/core';
import { type Box, clip } from '../box.js';
import type { Cut } from './grid.js';
import type { Fill, Form, FormCopy } from './types.js';

/** A form by its number, and which of the parameter's sources its copies count. */
export interface FormUse {
  readonly form: number;
  readonly sources: readonly number[];
}

/** The forms of a plan, numbered by first use. */
export class Forms {
  readonly values: Form[] = [];
  readonly #known = new Map<readonly Box<number>[], Map<Cut, FormUse>>();

  /** The form of what a cut holds of a parameter's boxes. Both are known again by identity. */
  use(boxes: readonly Box<number>[], cut: Cut, fill?: Fill): FormUse {
    const ofBoxes = memo(this.#known, boxes, () => new Map<Cut, FormUse>());
    return memo(ofBoxes, cut, () => this.#add(boxes, cut, fill));
  }

  #add(boxes: readonly Box<number>[], cut: Cut, fill: Fill | undefined): FormUse {
    const sources: number[] = [];
    const position = (source: number): number => {
      const at = sources.indexOf(source);
      return at < 0 ? sources.push(source) - 1 : at;
    };
    const copies: FormCopy[] = [];
    for (const box of boxes) {
      const part = clip(box, cut.windowStart, cut.windowSize);
      if (part === null) continue;
      const { start, size, offset, strides, op } = part;
      const copy = { tensor: position(part.source), start, size, offset, strides };
      if (op === undefined) copies.push(copy);
      else copies.push({ ...copy, op: 'scale' in op ? { ...op, scale: position(op.scale) } : op });
    }
    const whole = { sizes: cut.sizes, extent: cut.windowSize, copies };
    const form = this.values.push(fill === undefined ? whole : { ...whole, fill }) - 1;
    return { form, sources };
  }
}
