import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadBinding } from './binding.js';
import {
  execute,
  inspectSafetensors,
  type LoadedPlan,
  loadPlan,
  type Progress,
  type SafetensorsFile,
  writeIndex,
} from './index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nemotron-native-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A safetensors file of one float32 matrix that counts upwards. */
async function source(rows: number, columns: number): Promise<string> {
  const values = Float32Array.from({ length: rows * columns }, (_, index) => index);
  const entry = { dtype: 'F32', shape: [rows, columns], data_offsets: [0, values.byteLength] };
  const header = Buffer.from(JSON.stringify({ __metadata__: { format: 'pt' }, weight: entry }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const path = join(folder, 'model.safetensors');
  await writeFile(path, Buffer.concat([length, header, Buffer.from(values.buffer)]));
  return path;
}

async function inspectOne(path: string): Promise<SafetensorsFile> {
  const [file] = await inspectSafetensors([path]);
  if (file === undefined) throw new Error('nothing inspected');
  return file;
}

/** A plan that stores the file's matrix as bfloat16. */
async function planFor(path: string): Promise<LoadedPlan> {
  const { bytes, tensors } = await inspectOne(path);
  const [tensor] = tensors;
  const shape = tensor?.shape ?? [];
  const copies = [{ tensor: 0, start: [0, 0], size: shape, offset: 0, strides: [shape[1], 1] }];
  const plan = {
    version: 2,
    sources: [{ path, bytes }],
    tensors: [
      { name: tensor?.name, dtype: tensor?.dtype, shape, begin: tensor?.begin, end: tensor?.end, source: 0 },
    ],
    objects: { common: { dict: [['iteration', 0]] } },
    forms: [{ sizes: shape, extent: shape, copies }],
    keys: [{ key: 'weight', dtype: 'bfloat16', shape }],
    files: [
      {
        path: 'iter/__0_0.distcp',
        rank: 0,
        items: [{ key: 0, offsets: [0, 0], form: 0, tensors: [0] }],
      },
    ],
    share: false,
    metadata: { path: 'iter/.metadata', checkpointId: '/out/iter', saveId: 'id' },
    archives: [{ path: 'iter/common.pt', object: 'common' }],
  };
  return loadPlan(Buffer.from(JSON.stringify(plan)));
}

async function failure(call: Promise<unknown>): Promise<NemotronError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(NemotronError);
  return error as NemotronError;
}

describe('inspectSafetensors', () => {
  test('tells what a header holds', async () => {
    const path = await source(4, 3);
    const file = await inspectOne(path);
    const begin = 8 + file.headerBytes;
    expect(file).toMatchObject({ path, bytes: begin + 48, metadata: { format: 'pt' } });
    expect(file.tensors).toEqual([
      { name: 'weight', dtype: 'F32', shape: [4, 3], begin, end: begin + 48, file: 0 },
    ]);
  });

  test('tells a truncated file from a damaged and an absent one', async () => {
    const path = await source(4, 3);
    await truncate(path, 60);
    expect(await failure(inspectSafetensors([path]))).toMatchObject({
      code: 'SOURCE_TRUNCATED',
      facts: { path, found: 60 },
    });
    await writeFile(path, 'version https://git-lfs.github.com/spec/v1\n');
    expect((await failure(inspectSafetensors([path]))).code).toBe('SOURCE_HEADER_INVALID');
    expect((await failure(inspectSafetensors([join(folder, 'absent')]))).code).toBe('SOURCE_MISSING');
  });
});

describe('execute', () => {
  test('writes what was laid out and reports it', async () => {
    const plan = await planFor(await source(300, 200));
    const { handle: _, ...planned } = plan;
    expect(planned).toMatchObject({ items: 1, payloadBytes: 120_000 });
    const seen: Progress[] = [];
    const report = await execute(plan, { root: folder }, { onProgress: (progress) => seen.push(progress) });
    expect(report).toMatchObject({ ...planned, bytesRead: 240_000, bytesResumed: 0, readMode: 'pread' });
    expect(seen.at(-1)).toEqual({ done: 120_000, total: 120_000, key: 'weight' });
    await writeIndex(plan, folder);
    const file = await readFile(join(folder, 'iter/__0_0.distcp'));
    expect(file.length).toBe(planned.files[0]?.bytes);
    expect((await readFile(join(folder, 'iter/.metadata'))).subarray(0, 2)).toEqual(Buffer.from([0x80, 4]));
  });

  test('an abort ends the run, before it begins or in the middle', async () => {
    const plan = await planFor(await source(4000, 2000));
    const aborted = AbortSignal.abort();
    expect((await failure(execute(plan, { root: folder }, { signal: aborted }))).code).toBe('INTERRUPTED');
    const controller = new AbortController();
    const run = execute(plan, { root: folder, threads: 1 }, { signal: controller.signal });
    controller.abort();
    expect(await failure(run)).toMatchObject({ code: 'INTERRUPTED', facts: { total: 16_000_000 } });
  });

  test('errors arrive with code and facts', async () => {
    const path = await source(4, 3);
    const plan = await planFor(path);
    expect((await failure(loadPlan(Buffer.from('{}')))).code).toBe('PLAN_INVALID');
    const wrongMode = { root: folder, readMode: 'slow' } as unknown as { root: string };
    expect(await failure(execute(plan, wrongMode))).toMatchObject({
      code: 'OPTION_INVALID',
      facts: { option: 'readMode', found: 'slow' },
    });
    const misspelt = { root: folder, tread: 1 } as unknown as { root: string };
    expect((await failure(execute(plan, misspelt))).message).toContain('unknown field `tread`');
    await truncate(path, 60);
    expect(await failure(execute(plan, { root: folder }))).toMatchObject({
      code: 'SOURCE_TRUNCATED',
      facts: { path, found: 60 },
    });
  });
});

test('an addon that is not there is named', () => {
  const load = () =>
    loadBinding(() => {
      throw new Error('Cannot find module');
    });
  expect(load).toThrow(NemotronError);
  expect(load).toThrow(/no native binding for \S+-\S+, expected @nemotron-convert\/native-/);
});
