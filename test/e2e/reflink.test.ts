import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { convert, verify } from '../../packages/convert/src/index.js';
import { syntheticLlama } from '../support/synthetic.js';

const dir = mkdtempSync(join(tmpdir(), 'nemotron-reflink-'));
const disk = join(dir, 'disk');
const image = join(dir, 'image');

/** A filesystem with reflinks in a file, mounted; else why there is none. */
function mountXfs(): string | null {
  const steps: [string, string[]][] = [
    ['truncate', ['-s', '512M', image]],
    ['mkfs.xfs', ['-q', '-m', 'reflink=1', image]],
    ['mount', ['-o', 'loop', image, disk]],
  ];
  mkdirSync(disk);
  for (const [command, args] of steps) {
    try {
      execFileSync(command, args, { stdio: 'pipe' });
    } catch (error) {
      return `${command} failed: ${(error as Error).message.split('\n').slice(0, 2).join(' ')}`;
    }
  }
  return null;
}

const problem = mountXfs();
if (problem !== null) {
  console.warn(`SKIPPED: cloning on XFS needs root, xfsprogs and a loop device: ${problem}`);
}
afterAll(() => {
  if (problem === null) execFileSync('umount', [disk]);
  rmSync(dir, { recursive: true, force: true });
});

const used = (): number => {
  execFileSync('sync', ['-f', disk]);
  const { blocks, bfree, bsize } = statfsSync(disk);
  return (blocks - bfree) * bsize;
};

describe.skipIf(problem !== null)('on a filesystem with reflinks', () => {
  const source = join(disk, 'hf');
  const target = join(disk, 'megatron');
  beforeAll(() => syntheticLlama(source, 60));

  test('blocks that do not change are shared, not written', async () => {
    const before = used();
    const report = await convert({ hfModelId: source, megatronPath: target });
    const taken = used() - before;
    expect(report.bytesShared).toBeGreaterThan(0.9 * report.bytesWritten);
    expect(taken).toBeLessThan(0.2 * report.bytesWritten);
    expect((await verify({ path: target })).faults).toEqual([]);
    expect((await verify({ path: target, mode: 'full' })).faults).toEqual([]);
    rmSync(target, { recursive: true });
  });

  test('what must be cast is written', async () => {
    const report = await convert({ hfModelId: source, megatronPath: target, dtype: 'float16' });
    expect(report.bytesShared).toBe(0);
    expect((await verify({ path: target, mode: 'full' })).faults).toEqual([]);
    rmSync(target, { recursive: true });
  });

  test('nothing is shared when it is not wanted, and the layout is the usual one', async () => {
    const report = await convert({ hfModelId: source, megatronPath: target, zeroCopy: 'off' });
    const elsewhere = join(dir, 'elsewhere');
    const other = await convert({ hfModelId: source, megatronPath: elsewhere });
    expect(report.bytesShared).toBe(0);
    expect(other.bytesShared).toBe(0);
    const data = (path: string): string[] =>
      ['__0_0.distcp', '__0_1.distcp'].map((name) => join(path, 'iter_0000000', name));
    for (const [at, file] of data(target).entries())
      execFileSync('cmp', [file, data(elsewhere)[at] as string]);
    rmSync(target, { recursive: true });
  });

  test('asking for clones between two disks is an error', async () => {
    const call = convert({ hfModelId: source, megatronPath: join(dir, 'other'), zeroCopy: 'clone' });
    await expect(call).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });
});
