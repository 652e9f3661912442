import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { nemotron, ROOT } from '../support/cli.js';

const dir = mkdtempSync(join(tmpdir(), 'nemotron-device-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let outputs = 0;
function words(device: string): string[] {
  outputs += 1;
  const source = join(ROOT, 'test/fixtures/deepseek-v3-fp8');
  return [`hf_model_id=${source}`, `megatron_path=${join(dir, `out-${outputs}`)}`, `device_map=${device}`];
}
function convertOn(device: string, ...flags: string[]) {
  return nemotron(['steps', 'run', 'convert/hf_to_megatron', ...words(device), ...flags]);
}

describe('device_map', () => {
  test('auto leaves a small model to the CPU, and says so when asked', async () => {
    const { exit, stdout, stderr } = await convertOn('auto', '--verbose', '--json');
    expect(exit, stderr).toBe(0);
    const { compute, computeReason } = JSON.parse(stdout);
    expect(compute).toBe('cpu');
    expect(stderr).toContain(`computed by cpu: ${computeReason}\n`);
    expect(computeReason).toMatch(/libcuda|no GPU|are as fast as a GPU|too few/);
  });

  test('nothing is said unasked, and nothing is to be explained about the CPU', async () => {
    expect((await convertOn('auto')).stderr).not.toContain('computed by');
    expect((await convertOn('cpu', '--verbose')).stderr).toContain('computed by cpu\n');
  });

  test('a GPU that is not there is an error with a remedy, and nothing is made', async () => {
    const before = readdirSync(dir);
    for (const call of [() => convertOn('cuda:999'), () => nemotron(['plan', ...words('cuda:999')])]) {
      const { exit, stderr } = await call();
      expect(exit).toBe(2);
      expect(stderr).toMatch(/E0204.*(libcuda|CUDA device 999 does not exist)/);
      expect(stderr).toContain('device_map=auto');
    }
    expect(readdirSync(dir)).toEqual(before);
  });
});
