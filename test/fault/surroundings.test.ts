import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { atCall, type CliResult, convertStep } from '../support/cli.js';
import { syntheticLlama } from '../support/synthetic.js';
import { hashTree } from '../support/tree.js';

let dir: string;
let source: string;
let target: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nemotron-around-'));
  source = join(dir, 'hf');
  target = join(dir, 'megatron');
  syntheticLlama(source, 20);
  chmodSync(dir, 0o777);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const run = (env: Record<string, string> = {}): Promise<CliResult> =>
  convertStep({ hf_model_id: source, megatron_path: target }, { env });
const weights = (): string => join(source, 'model.safetensors');

function failed(result: CliResult, error: RegExp, exit: number): void {
  expect(result.stderr).toMatch(error);
  expect(result.exit).toBe(exit);
  expect(existsSync(target)).toBe(false);
}

describe('a source that changes while it is read', () => {
  // The work directory is claimed after the headers were read and before the engine opens the files.
  const CLAIMED = 'rename:1 after';

  test('truncated', async () => {
    const result = await run(atCall(CLAIMED, `truncate -s 100000 ${weights()}`));
    failed(result, /error\[E0307\].*model\.safetensors/, 3);
  });

  test('replaced by another of the same length', async () => {
    const command = `cp ${weights()} ${dir}/other && touch -d 2001-01-01 ${dir}/other && mv ${dir}/other ${weights()}`;
    failed(await run(atCall(CLAIMED, command)), /error\[E0317\].*model\.safetensors/, 3);
    expect((await run()).exit).toBe(4);
    expect((await convertStep({ hf_model_id: source, megatron_path: target, fresh: 'true' })).exit).toBe(0);
  });

  test('removed', async () => {
    failed(await run(atCall(CLAIMED, `rm ${weights()}`)), /error\[E03(01|17)\].*model\.safetensors/, 3);
  });
});

describe('a work directory that goes while it is used', () => {
  for (const moment of [
    'rename:1 after',
    'writeSmallFiles:1 before',
    'writeSmallFiles:1 after',
    'syncAllOf:1 before',
  ]) {
    test(`at ${moment}, and the same command starts over`, async () => {
      const before = hashTree(source);
      failed(await run(atCall(moment, `rm -rf ${target}.partial`)), /error\[E050\d\]/, 5);
      expect(hashTree(source)).toEqual(before);
      expect((await run()).exit).toBe(0);
      expect(hashTree(target).size).toBeGreaterThan(5);
    });
  }

  test('is no reason to publish without it, not even unverified', async () => {
    const words = { hf_model_id: source, megatron_path: target, verify: 'none' };
    const result = await convertStep(words, {
      env: atCall('writeSmallFiles:1 before', `rm -rf ${target}.partial`),
    });
    failed(result, /error\[E0502\]/, 5);
  });
});

test('a target whose name cannot be brought to the disk is not called one in the way', async () => {
  // Its folder gets another name, which the link follows: the target is still found, and the folder cannot be synced.
  const [real, link] = [join(dir, 'real'), join(dir, 'link')];
  mkdirSync(join(real, 'megatron'), { recursive: true });
  symlinkSync(real, link);
  const words = { hf_model_id: source, megatron_path: join(link, 'megatron') };
  // The second time that a file is opened is when the folder is synced, after the rename.
  const moved = `mv ${real} ${real}2 && ln -sfn ${real}2 ${link}`;
  const result = await convertStep(words, { env: atCall('open:2 before', moved) });
  expect(result.stderr).toMatch(/error\[E0502\].*real/);
  expect(result.exit).toBe(5);
  expect(existsSync(join(link, 'megatron/conversion.json'))).toBe(true);
  expect((await convertStep(words)).exit).toBe(0);
  expect(existsSync(`${real}2/megatron.partial`)).toBe(false);
});

describe('a place where nothing can be written', () => {
  const isRoot = process.getuid?.() === 0;
  const mount = (...words: string[]): boolean => {
    try {
      execFileSync('mount', words, { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };

  test('without the permission', async () => {
    const closed = join(dir, 'closed');
    mkdirSync(closed, { mode: 0o555 });
    const words = { hf_model_id: source, megatron_path: join(closed, 'megatron') };
    const result = await convertStep(words, isRoot ? { uid: 65534, cwd: dir } : { cwd: dir });
    expect(result.stderr).toMatch(/error\[E0404\].*closed/);
    expect(result.exit).toBe(4);
  });

  test('a source without the permission', async () => {
    chmodSync(weights(), 0);
    const result = await convertStep(
      { hf_model_id: source, megatron_path: target },
      isRoot ? { uid: 65534, cwd: dir } : { cwd: dir },
    );
    failed(result, /error\[E0318\].*model\.safetensors/, 3);
  });

  test('a read-only mount, and a mount point as target', async () => {
    const disk = join(dir, 'disk');
    mkdirSync(disk);
    if (!mount('-t', 'tmpfs', '-o', 'size=100m', 'tmpfs', disk)) return;
    try {
      const onto = await convertStep({ hf_model_id: source, megatron_path: disk });
      expect(onto.stderr).toMatch(/error\[E0408\].*mount point/);
      expect(onto.exit).toBe(4);
      mount('-o', 'remount,ro', disk);
      const result = await convertStep({ hf_model_id: source, megatron_path: join(disk, 'megatron') });
      expect(result.stderr).toMatch(/error\[E0404\].*disk/);
      expect(result.exit).toBe(4);
    } finally {
      execFileSync('umount', [disk], { stdio: 'ignore' });
    }
  });

  test('a link to a directory is written through, and a link to nothing is refused', async () => {
    const real = join(dir, 'real');
    mkdirSync(real);
    symlinkSync(real, target);
    expect((await run()).exit).toBe(0);
    expect(hashTree(real).size).toBeGreaterThan(5);
    const words = { hf_model_id: source, megatron_path: join(dir, 'nowhere') };
    symlinkSync(join(dir, 'nothing'), words.megatron_path);
    const result = await convertStep(words);
    expect(result.stderr).toMatch(/error\[E0405\]/);
    expect(result.exit).toBe(4);
  });
});
