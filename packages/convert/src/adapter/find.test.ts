import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ADAPTER_CONFIG, findAdapter } from './find.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'adapters-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function adapter(path: string, seconds = 0): string {
  const dir = join(root, path);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, ADAPTER_CONFIG), '{}');
  utimesSync(join(dir, ADAPTER_CONFIG), seconds, seconds);
  return dir;
}

test('a directory that is an adapter is it, whatever lies below', async () => {
  adapter('.');
  adapter('step_10');
  expect(await findAdapter(root)).toBe(root);
});

test('the largest number anywhere below counts, as a number', async () => {
  adapter('epoch_0_step_5');
  const last = adapter('x99/step_1/model');
  adapter('step_9');
  expect(await findAdapter(root)).toBe(last);
});

test('then the newest, then the last by name', async () => {
  adapter('a_step_3', 100);
  const newest = adapter('b/step_3', 300);
  adapter('c/step_3', 200);
  expect(await findAdapter(root)).toBe(newest);
  const named = adapter('d/step_3', 300);
  expect(await findAdapter(root)).toBe(named);
});

test('numbers of the path above do not count', async () => {
  const found = adapter('run-7/final');
  expect(await findAdapter(join(root, 'run-7'))).toBe(found);
});

test('none is an error with a way to look for one', async () => {
  for (const path of [root, join(root, 'absent'), 'org/adapter-on-the-hub']) {
    const error = await findAdapter(path).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NemotronError);
    expect(error).toMatchObject({ code: 'ADAPTER_MISSING', hint: expect.stringContaining('find ') });
  }
});
