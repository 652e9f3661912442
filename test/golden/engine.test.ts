import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspectCheckpoint, inspectTensor } from '@nemotron-convert/native';
import { afterAll, describe, expect, test } from 'vitest';
import { convert, verify } from '../../packages/convert/src/index.js';
import { goldens, readExpected } from '../support/golden.js';

const dir = mkdtempSync(join(tmpdir(), 'nemotron-golden-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The whole way through the engine; what was written is read back by the checkpoint reader. */
describe('checkpoints of the goldens', () => {
  for (const golden of goldens()) {
    test(`${golden.name} ${golden.file}`, async () => {
      const expected = readExpected(golden);
      const { fixture, dtype, target, sizes } = golden;
      const path = join(dir, `${golden.name}-${golden.file}`);
      await convert({ hfModelId: fixture, megatronPath: path, dtype, target, ...sizes });

      const iteration = join(path, 'iter_0000000');
      const { tensors, objects } = await inspectCheckpoint(iteration);
      expect(tensors.map(({ key }) => key).sort()).toEqual(Object.keys(expected.tensors).sort());
      expect([...objects].sort()).toEqual(Object.keys(expected.objects).sort());
      for (const { key, dtype: torch, shape } of tensors) {
        const want = expected.tensors[key];
        const { sha256 } = await inspectTensor(iteration, key);
        expect({ key, torch, shape, sha256 }).toEqual({ key, torch: want?.dtype, shape: want?.shape, sha256: want?.sha256 });
      }
      expect((await verify({ path })).faults).toEqual([]);
      expect((await verify({ path, mode: 'full' })).faults).toEqual([]);
      rmSync(path, { recursive: true });
    });
  }
});
