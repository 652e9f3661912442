import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { mergeLora } from '../../packages/convert/src/index.js';
import { FIXTURES, GOLDENS } from '../support/golden.js';
import { readTensors, type StoredTensor } from '../support/tensors.js';
import { ulps } from '../support/ulps.js';

const MERGES = join(GOLDENS, 'merge');
const work = mkdtempSync(join(tmpdir(), 'merge-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

interface Case {
  readonly base: string;
  readonly dtype: 'auto' | 'float16' | 'float32';
  /** Every tensor of the merged model, with its torch dtype. */
  readonly tensors: Readonly<Record<string, string>>;
}

const TORCH: Readonly<Record<string, string>> = { BF16: 'bfloat16', F16: 'float16', F32: 'float32' };

describe('merges equal those of PEFT', () => {
  for (const name of readdirSync(MERGES).sort()) {
    const folder = join(MERGES, name);
    const recorded = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8')) as Case;
    test(name, async () => {
      const output = join(work, name);
      const report = await mergeLora({
        loraCheckpoint: join(folder, 'adapter'),
        baseHfPath: join(FIXTURES, recorded.base),
        outputHfPath: output,
        torchDtype: recorded.dtype,
        verify: 'full',
      });
      const found = readTensors(output);
      const dtypes = [...found].map(([key, { dtype }]) => [key, TORCH[dtype]]);
      expect(Object.fromEntries(dtypes)).toEqual(recorded.tensors);
      const expected = readTensors(folder);
      expect(report.changed).toBe(expected.size);
      for (const [key, tensor] of expected) {
        const merged = found.get(key) as StoredTensor;
        expect(merged.shape, key).toEqual(tensor.shape);
        expect(ulps(merged, tensor), key).toBeLessThanOrEqual(1);
      }
    });
  }
});
