import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { convert } from '../../packages/convert/src/index.js';
import { nemotron } from '../support/cli.js';
import { tensorsOf } from '../support/hf-checkpoint.js';
import { syntheticLlama } from '../support/synthetic.js';
import { hashTree, seeded } from '../support/tree.js';

const POINTS = Number(process.env['NEMOTRON_KILL_POINTS'] ?? 6);
const MEGABYTES = 200;

let dir: string;
let original: string;
let megatron: string;
let target: string;
let want: Map<string, string>;
let whole: number;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'nemotron-kill-export-'));
  original = join(dir, 'hf');
  megatron = join(dir, 'megatron');
  target = join(dir, 'back');
  syntheticLlama(original, MEGABYTES, 3);
  await convert({ hfModelId: original, megatronPath: megatron, tp: 2, verify: 'none' });
  const began = performance.now();
  expect((await exporting()).exit).toBe(0);
  whole = performance.now() - began;
  want = hashTree(target);
  const [source, back] = [await tensorsOf(original), await tensorsOf(target)];
  for (const [name, { data, file }] of source) {
    expect([back.get(name)?.file, back.get(name)?.data.equals(data)]).toEqual([file, true]);
  }
  rmSync(target, { recursive: true });
}, 240_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function exporting(started?: (child: ChildProcess) => void) {
  const words = [`megatron_path=${megatron}`, `hf_model_id=${original}`, `hf_path=${target}`];
  return nemotron(
    ['steps', 'run', 'convert/megatron_to_hf', ...words],
    started === undefined ? {} : { started },
  );
}

test('an export killed at any moment is whole or absent, and the next run finishes it', async () => {
  const random = seeded(2027);
  for (let point = 0; point < POINTS; point += 1) {
    let child: ChildProcess | undefined;
    const run = exporting((process) => {
      child = process;
    });
    await Promise.race([sleep(random() * whole), run]);
    child?.kill('SIGKILL');
    await run;
    if (!existsSync(target)) expect((await exporting()).exit).toBe(0);
    expect(hashTree(target)).toEqual(want);
    rmSync(target, { recursive: true });
    rmSync(`${target}.partial`, { recursive: true, force: true });
  }
}, 600_000);
