import { join } from 'node:path';
import { ITERATION_DIR } from '../plan/container.js';
import { readProvenance } from './provenance.js';

/**
 * Whether the target is the checkpoint of this very conversion. A rank that comes late, when a job is submitted again
 * and the others had nothing left to do, finds it published: that is success, not a target in the way.
 */
export async function isPublished(target: string, digest: string): Promise<boolean> {
  const record = await readProvenance(join(target, ITERATION_DIR)).catch(() => null);
  return record?.planDigest === digest;
}
