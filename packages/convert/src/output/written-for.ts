import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Target } from '../models/target.js';
import { readProvenance } from './provenance.js';

/**
 * The Megatron-Bridge version whose container an iteration directory is, or a later one's: what the record of a conversion
 * says; else whether the common state has a file of its own, which newer ones lack.
 */
export async function writtenFor(dir: string): Promise<Target> {
  const record = await readProvenance(dir);
  if (record !== null) return record.target as Target;
  return (await stat(join(dir, 'common.pt')).catch(() => null)) === null ? '0.7.0' : '0.3.1';
}
