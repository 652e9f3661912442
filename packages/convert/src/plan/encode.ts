import { createHash } from 'node:crypto';
import type { Source } from '../source/open.js';
import type { Plan, TorchDistPlan } from './types.js';

/** Changes when the same plan would be executed differently, so that no half of one version meets half of another. */
const ENGINE_REVISION = 2;

/** The canonical bytes of a plan, as the engine takes them. */
export function encodePlan(plan: Plan): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(plan));
}

/**
 * The identity of a conversion: what is planned, from files as they are now. Two runs with equal digests write equal
 * bytes to equal places, so one can finish what the other began.
 */
export function conversionDigest(encoded: Uint8Array, source: Pick<Source, 'files'>): string {
  const files = source.files.map(({ path, bytes, version }) => [path, bytes, version]);
  return createHash('sha256')
    .update(encoded)
    .update(JSON.stringify([ENGINE_REVISION, files]))
    .digest('hex');
}

/** A UUID made of a digest, where torch would draw one: the same conversion leaves the same bytes. */
export function saveIdOf(plan: TorchDistPlan): string {
  const hex = createHash('sha256')
    .update(JSON.stringify(plan.keys))
    .update(plan.metadata.checkpointId)
    .digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
