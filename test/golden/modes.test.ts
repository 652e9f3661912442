import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type ConvertOptions, convert, verify } from '../../packages/convert/src/index.js';
import { type Golden, goldens } from '../support/golden.js';
import { expectGolden } from '../support/written.js';

/** Casts, interleaving, stacked experts, Mamba segments and both quantisations; `npm run test:goldens` takes all. */
const FEW = ['deepseek-v3-fp8', 'gpt-oss-mxfp4', 'llama', 'nemotron-h-moe', 'qwen3-moe'];
const CHOSEN = goldens().filter(
  ({ name, file }) =>
    process.env['GOLDENS'] === 'all' || (FEW.includes(name) && file.startsWith('expected.head.')),
);
const COUNTS = [1, 2, 3, 4, 5, 6, 7, 8] as const;
const READ_MODES = ['auto', 'pread', 'direct', 'mmap'] as const;
const WRITE_MODES = ['auto', 'direct', 'dontcache', 'buffered'] as const;
const ZERO_COPY = ['off', 'copy_file_range'] as const;

const dir = mkdtempSync(join(tmpdir(), 'nemotron-modes-'));
const path = join(dir, 'megatron');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function optionsOf({ fixture, dtype, target, sizes }: Golden): ConvertOptions {
  return { hfModelId: fixture, megatronPath: path, dtype, target, ...sizes };
}

/** True where the disk of this test knows a mode: a memory disk has no dontcache. */
async function isKnown(golden: Golden, writeMode: (typeof WRITE_MODES)[number]): Promise<boolean> {
  try {
    await convert({ ...optionsOf(golden), writeMode });
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'WRITE_FAILED' });
    rmSync(`${path}.partial`, { recursive: true, force: true });
    return false;
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

const first = CHOSEN[0] as Golden;
const known = new Map<string, boolean>();
for (const mode of WRITE_MODES) known.set(mode, await isKnown(first, mode));

describe('every way to read and write makes the same checkpoint', () => {
  let turn = 0;
  for (const golden of CHOSEN) {
    for (const writeMode of WRITE_MODES) {
      test.skipIf(known.get(writeMode) !== true)(`${golden.name} ${golden.file} ${writeMode}`, async () => {
        for (const readMode of READ_MODES) {
          for (const zeroCopy of ZERO_COPY) {
            turn += 1;
            const threads = COUNTS[turn % COUNTS.length] as number;
            await convert({ ...optionsOf(golden), readMode, writeMode, zeroCopy, threads });
            await expectGolden(path, golden);
            rmSync(path, { recursive: true });
          }
        }
      });
    }
  }
});

describe('any number of threads makes the same checkpoint', () => {
  for (const golden of CHOSEN) {
    test(`${golden.name} ${golden.file}`, async () => {
      for (const threads of COUNTS) {
        await convert({ ...optionsOf(golden), threads });
        await expectGolden(path, golden);
        rmSync(path, { recursive: true });
      }
    });
  }
});

describe('any number of ranks makes the same checkpoint', () => {
  for (const golden of CHOSEN) {
    test(`${golden.name} ${golden.file}`, async () => {
      for (const world of COUNTS) {
        for (let rank = 0; rank < world; rank += 1) {
          const { published } = await convert({ ...optionsOf(golden), ranks: { rank, world } });
          expect(published).toBe(rank === world - 1);
        }
        await expectGolden(path, golden);
        expect((await verify({ path })).faults).toEqual([]);
        rmSync(path, { recursive: true });
      }
    });
  }
});
