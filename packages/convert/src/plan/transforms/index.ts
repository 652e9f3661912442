import type { PlainOrigin } from '../../models/family.js';
import type { Compiled, Transform, TransformContext } from './compiled.js';
import { copy } from './copy.js';
import { gated } from './gated.js';
import { gdn } from './gdn.js';
import { minusOne } from './minus-one.js';
import { mxfp4, mxfp4Alternating } from './mxfp4.js';
import { qkv } from './qkv.js';
import { alternating, alternatingTransposed, stacked, stackedTransposed } from './stacked.js';

/** The closed set of transforms, by the key of their origin form. */
const TRANSFORMS = {
  alternating,
  alternatingTransposed,
  copy,
  gated,
  gdn,
  minusOne,
  mxfp4,
  mxfp4Alternating,
  qkv,
  stacked,
  stackedTransposed,
} as const satisfies Record<string, Transform>;

/** Compiles an origin whose names are already filled in. */
export function compile(origin: PlainOrigin, context: TransformContext): Compiled {
  if (typeof origin === 'string') return TRANSFORMS.copy([origin], context);
  const [kind, names] = Object.entries(origin)[0] as [keyof typeof TRANSFORMS, readonly string[]];
  return TRANSFORMS[kind](names, context);
}
