import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { convert, verify } from '../../packages/convert/src/index.js';
import { goldens } from '../support/golden.js';
import { expectGolden } from '../support/written.js';

const dir = mkdtempSync(join(tmpdir(), 'nemotron-golden-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The whole way through the engine; what was written is read back by the checkpoint reader. */
describe('checkpoints of the goldens', () => {
  for (const golden of goldens()) {
    test(`${golden.name} ${golden.file}`, async () => {
      const { fixture, dtype, target, sizes } = golden;
      const path = join(dir, `${golden.name}-${golden.file}`);
      await convert({ hfModelId: fixture, megatronPath: path, dtype, target, ...sizes });

      await expectGolden(path, golden);
      expect((await verify({ path })).faults).toEqual([]);
      expect((await verify({ path, mode: 'full' })).faults).toEqual([]);
      rmSync(path, { recursive: true });
    });
  }
});
