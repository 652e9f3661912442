import type { PlainOrigin } from '../../models/family.js';
import type { Compiled, Transform, TransformContext } from './compiled.js';
import { copy } from './copy.js';
import { gated } from './gated.js';
import { gdn, gdnSeparate } from './gdn.js';
import { leading } from './leading.js';
import { minusOne } from './minus-one.js';
import { mxfp4, mxfp4Alternating } from './mxfp4.js';
import { ones } from './ones.js';
import { firstRow, firstThird, lastThird, secondRow, secondThird } from './part.js';
import { qkv, qkvGated, qkvJoined, qkvQueries } from './qkv.js';
import { squeezed } from './squeezed.js';
import { alternating, alternatingTransposed, stacked, stackedGated, stackedTransposed } from './stacked.js';
import { swapped } from './swapped.js';
import { transposed } from './transposed.js';

/** The closed set of transforms, by the key of their origin form. */
const TRANSFORMS = {
  alternating,
  alternatingTransposed,
  copy,
  firstRow,
  firstThird,
  gated,
  gdn,
  gdnSeparate,
  lastThird,
  leading,
  minusOne,
  mxfp4,
  mxfp4Alternating,
  ones,
  qkv,
  qkvGated,
  qkvJoined,
  qkvQueries,
  secondRow,
  secondThird,
  squeezed,
  swapped,
  stacked,
  stackedGated,
  stackedTransposed,
  transposed,
} as const satisfies Record<string, Transform>;

/** Compiles an origin whose names are already filled in. */
export function compile(origin: PlainOrigin, context: TransformContext): Compiled {
  if (typeof origin === 'string') return TRANSFORMS.copy([origin], context);
  const [kind, names] = Object.entries(origin)[0] as [keyof typeof TRANSFORMS, readonly string[]];
  return TRANSFORMS[kind](names, context);
}
