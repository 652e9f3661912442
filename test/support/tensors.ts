import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HeaderEntry } from './safetensors.js';

export interface StoredTensor {
  /** safetensors name. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Buffer;
}

/** Every tensor of the safetensors files in a directory. */
export function readTensors(dir: string): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const name of readdirSync(dir).filter((file) => file.endsWith('.safetensors'))) {
    const file = readFileSync(join(dir, name));
    const begin = 8 + Number(file.readBigUInt64LE());
    const header = JSON.parse(file.subarray(8, begin).toString()) as Record<string, HeaderEntry>;
    delete header['__metadata__'];
    for (const [key, { dtype, shape, data_offsets }] of Object.entries(header)) {
      const [from, to] = data_offsets;
      tensors.set(key, { dtype, shape, bytes: file.subarray(begin + from, begin + to) });
    }
  }
  return tensors;
}
