import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { convertStep, nemotron } from '../support/cli.js';
import { syntheticLlama } from '../support/synthetic.js';
import { hashTree, seeded } from '../support/tree.js';
import { settling, until } from '../support/wait.js';

/** Enough for every change; NEMOTRON_KILL_POINTS=200 is the long form. */
const POINTS = Number(process.env['NEMOTRON_KILL_POINTS'] ?? 25);
const MEGABYTES = 300;

let dir: string;
let source: string;
let target: string;
let want: Map<string, string>;
let whole: number;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'nemotron-kill-'));
  source = join(dir, 'hf');
  target = join(dir, 'megatron');
  syntheticLlama(source, MEGABYTES);
  const began = performance.now();
  await finished();
  whole = performance.now() - began;
  want = hashTree(target);
  rmSync(target, { recursive: true });
}, 120_000);
afterEach(() => {
  rmSync(target, { recursive: true, force: true });
  rmSync(`${target}.partial`, { recursive: true, force: true });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const arguments_ = (): Record<string, string> => ({ hf_model_id: source, megatron_path: target });

async function finished(env: Record<string, string> = {}): Promise<void> {
  const result = await convertStep(arguments_(), { env });
  expect(result.stderr).not.toContain('error[');
  expect(result.exit).toBe(0);
}

/** Signals a conversion once it works on its target, which `sign` in the work directory tells. */
async function signalledAtWork(signal: NodeJS.Signals, times = 1, sign = 'lock') {
  let child: ChildProcess | undefined;
  const run = convertStep(arguments_(), {
    started: (process) => {
      child = process;
    },
  });
  const isOver = settling(run);
  const path = join(`${target}.partial`, sign);
  await until('a conversion at work', () => existsSync(path) || isOver(), 2);
  for (let sent = 0; sent < times; sent += 1) child?.kill(signal);
  return run;
}

async function killedAfter(ms: number, signal: NodeJS.Signals, env: Record<string, string> = {}) {
  let child: ChildProcess | undefined;
  const run = convertStep(arguments_(), {
    env,
    started: (process) => {
      child = process;
    },
  });
  await Promise.race([sleep(ms), run]);
  child?.kill(signal);
  return run;
}

function complete(): void {
  expect(hashTree(target)).toEqual(want);
}

describe('a conversion killed at any moment', () => {
  test(
    `${POINTS} random moments: the target is whole or absent, and the next run finishes it`,
    async () => {
      const random = seeded(2026);
      for (let point = 0; point < POINTS; point += 1) {
        await killedAfter(random() * whole, 'SIGKILL');
        if (existsSync(target)) complete();
        if (!existsSync(target) || existsSync(`${target}.partial`)) await finished();
        complete();
        rmSync(target, { recursive: true });
        rmSync(`${target}.partial`, { recursive: true, force: true });
      }
    },
    POINTS * 20_000,
  );

  test(
    'two ranks, one or both of them killed and started again',
    async () => {
      const random = seeded(7);
      const rank = (n: number) => ({ RANK: String(n), WORLD_SIZE: '2' });
      await Promise.all([finished(rank(0)), finished(rank(1))]);
      const split = hashTree(target);
      rmSync(target, { recursive: true });
      for (let point = 0; point < POINTS; point += 1) {
        // One rank dies, or both at different moments.
        const moments = [random() * whole, random() * whole];
        const first = point % 2 === 0 ? finished(rank(0)) : killedAfter(moments[0] ?? 0, 'SIGKILL', rank(0));
        await Promise.all([first, killedAfter(moments[1] ?? 0, 'SIGKILL', rank(1))]);
        if (existsSync(target)) expect(hashTree(target)).toEqual(split);
        else await Promise.all([finished(rank(0)), finished(rank(1))]);
        expect(hashTree(target)).toEqual(split);
        rmSync(target, { recursive: true });
        rmSync(`${target}.partial`, { recursive: true, force: true });
      }
    },
    POINTS * 20_000,
  );
});

describe('a conversion asked to stop', () => {
  for (const [signal, exit] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    test(`${signal} publishes nothing, exits with ${exit}, and the next run finishes`, async () => {
      const result = await signalledAtWork(signal);
      // It may still have finished before the signal came.
      if (!existsSync(target)) {
        expect(result.exit).toBe(exit);
        expect(result.stderr).toMatch(/error\[E1(301|431)\]/);
        expect(readdirSync(`${target}.partial`)).not.toContain('lock');
        await finished();
      }
      complete();
      rmSync(target, { recursive: true });
    });
  }

  test('SIGINT twice ends it at once, and the next run finishes', async () => {
    const result = await signalledAtWork('SIGINT', 2);
    if (!existsSync(target)) {
      expect(result.exit).toBe(130);
      await finished();
    }
    complete();
    rmSync(target, { recursive: true });
  });

  test('an unfinished conversion of something else is refused, and fresh=true discards it', async () => {
    // Before there is work, nothing of it is lost to another conversion.
    await signalledAtWork('SIGKILL', 1, 'checkpoint');
    expect(existsSync(target)).toBe(false);
    const other = { ...arguments_(), dtype: 'float16' };
    const refused = await convertStep(other);
    expect(refused.stderr).toContain('error[E0407]');
    expect(refused.stderr).toContain('--fresh');
    expect(refused.exit).toBe(4);
    const words = Object.entries(other).map(([key, value]) => `${key}=${value}`);
    const fresh = await nemotron(['steps', 'run', '--fresh', 'convert/hf_to_megatron', ...words]);
    expect(fresh.exit).toBe(0);
    rmSync(target, { recursive: true });
  });

  test('a second run on the same target is told who holds it', async () => {
    let second: Awaited<ReturnType<typeof convertStep>> | undefined;
    const first = convertStep(arguments_());
    const isOver = settling(first);
    const lock = join(`${target}.partial`, 'lock');
    await until('a conversion at work', () => existsSync(lock) || isOver(), 5);
    if (existsSync(lock)) second = await convertStep(arguments_());
    expect((await first).exit).toBe(0);
    complete();
    // One that comes when the first has published finds its work done.
    if (second !== undefined && second.exit !== 0 && !second.stderr.includes('error[E0401]')) {
      expect(second.stderr).toMatch(/error\[E0406\].*process \d+/);
      expect(second.exit).toBe(4);
    }
    rmSync(target, { recursive: true });
  });
});
