import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { convertStep } from '../support/cli.js';
import { FIXTURES } from '../support/golden.js';

const dir = mkdtempSync(join(tmpdir(), 'nemotron-left-out-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test.each([
  [
    'deepseek-v3-mtp',
    '0.3.1',
    /^warning\[TENSORS_LEFT_OUT\]: \d+ source tensors left out: .*target=0\.7\.0/m,
  ],
  [
    'nemotron-h-mtp-repeated',
    '0.3.1',
    /^warning\[TENSORS_LEFT_OUT\]: \d+ source tensors left out: .*target=0\.7\.0/m,
  ],
])('what the choice of a version leaves out is a warning: %s for %s', async (name, target, told) => {
  const words = { hf_model_id: join(FIXTURES, name), megatron_path: join(dir, name), target };
  const { exit, stderr } = await convertStep(words);
  expect(exit).toBe(0);
  expect(stderr).toMatch(told);
});

test('what every version leaves out is a note', async () => {
  const hf_model_id = join(FIXTURES, 'deepseek-v3-mtp');
  const { stderr } = await convertStep({ hf_model_id, megatron_path: join(dir, 'kept'), target: '0.7.0' });
  expect(stderr).toMatch(/^note: 2 source tensors left out: /m);
  expect(stderr).not.toContain('warning');
});
