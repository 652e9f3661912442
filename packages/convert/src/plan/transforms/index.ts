import type { Origin } from '../../models/family.js';
import type { Compiled, Transform, TransformContext } from './compiled.js';
import { copy } from './copy.js';
import { gated } from './gated.js';
import { gdn } from './gdn.js';
import { minusOne } from './minus-one.js';
import { qkv } from './qkv.js';

/** The closed set of transforms, by the key of their origin form. */
const TRANSFORMS = { copy, gated, gdn, minusOne, qkv } as const satisfies Record<string, Transform>;

/** Compiles an origin whose names are already filled in. */
export function compile(origin: Origin, context: TransformContext): Compiled {
  if (typeof origin === 'string') return TRANSFORMS.copy([origin], context);
  const [kind, names] = Object.entries(origin)[0] as [keyof typeof TRANSFORMS, readonly string[]];
  return TRANSFORMS[kind](names, context);
}
