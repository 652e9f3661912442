import { createHash } from 'node:crypto';
import type { Plan } from './types.js';

/** The canonical bytes of a plan, as the engine takes them. */
export function encodePlan(plan: Plan): Uint8Array {
  return Buffer.from(JSON.stringify(plan));
}

/** The identity of a plan: two runs with equal digests write equal tensors to equal places. */
export function planDigest(plan: Plan): string {
  const { saveId: _, ...metadata } = plan.metadata;
  return createHash('sha256')
    .update(JSON.stringify({ ...plan, metadata }))
    .digest('hex');
}
