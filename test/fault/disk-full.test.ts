import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { convertStep } from '../support/cli.js';
import { syntheticLlama } from '../support/synthetic.js';

/** Sizes in MB of a disk that is to hold a checkpoint of 20 MB. */
const SIZES = [1, 2, 4, 6, 8, 10, 13, 16, 18, 19];

const dir = mkdtempSync(join(tmpdir(), 'nemotron-full-'));
const disk = join(dir, 'disk');
mkdirSync(disk);

function mount(megabytes: number): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', disk], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
const unmount = (): void => {
  execFileSync('umount', [disk], { stdio: 'ignore' });
};

const canMount = mount(1);
if (canMount) unmount();

describe.skipIf(!canMount)('a full disk (needs the right to mount a tmpfs)', () => {
  const source = join(dir, 'hf');
  beforeAll(() => syntheticLlama(source, 20));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  for (const size of SIZES) {
    test(`of ${size} MB is told before or while writing, and nothing is published`, async () => {
      mount(size);
      try {
        const target = join(disk, 'megatron');
        const result = await convertStep({ hf_model_id: source, megatron_path: target });
        expect(result.stderr).toMatch(/error\[E0(403|503)\]/);
        expect([4, 5]).toContain(result.exit);
        expect(existsSync(target)).toBe(false);
      } finally {
        unmount();
      }
    });
  }

  test('that has become large enough is filled by the same command', async () => {
    mount(10);
    try {
      const target = join(disk, 'megatron');
      expect((await convertStep({ hf_model_id: source, megatron_path: target })).exit).not.toBe(0);
      execFileSync('mount', ['-o', 'remount,size=100m', disk]);
      const result = await convertStep({ hf_model_id: source, megatron_path: target });
      expect(result.exit).toBe(0);
      expect(readdirSync(target)).toContain('latest_checkpointed_iteration.txt');
    } finally {
      unmount();
    }
  });
});
