import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { atCall, BIN, type CliResult, convertStep } from '../support/cli.js';
import { FIXTURES } from '../support/golden.js';
import { hashTree } from '../support/tree.js';

/** Enough for every change; NEMOTRON_KILL_STRIDE=1 dies at every call. */
const STRIDE = Number(process.env['NEMOTRON_KILL_STRIDE'] ?? 9);
/** More calls than a conversion makes. */
const MOST = 400;

const dir = mkdtempSync(join(tmpdir(), 'nemotron-kill-call-'));
const target = join(dir, 'megatron');
const partial = `${target}.partial`;
const words = { hf_model_id: join(FIXTURES, 'llama'), megatron_path: target };
let want: Map<string, string>;

const clear = (): void => {
  rmSync(target, { recursive: true, force: true });
  rmSync(partial, { recursive: true, force: true });
};
const run = (env: Record<string, string> = {}): Promise<CliResult> => convertStep(words, { env });
/** A run that dies at a call that changes files. */
const dying = (moment: number, when: string, env: Record<string, string> = {}): Promise<CliResult> =>
  run({ ...env, ...atCall(`${moment} ${when}`) });
const rank = (n: number): Record<string, string> => ({ RANK: String(n), WORLD_SIZE: '2' });

beforeAll(async () => {
  expect((await run()).exit).toBe(0);
  want = hashTree(target);
  clear();
}, 120_000);
afterEach(clear);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The target is whole or absent, and the same command finishes what is left. */
async function finishes(label: string): Promise<void> {
  const wasThere = existsSync(target);
  if (wasThere) expect(hashTree(target), label).toEqual(want);
  if (!wasThere || existsSync(partial)) {
    const again = await run();
    expect([label, again.exit, again.stderr.match(/error.*/)?.[0]]).toEqual([label, 0, undefined]);
  }
  expect(hashTree(target), label).toEqual(want);
  expect(existsSync(partial), label).toBe(false);
}

describe('a conversion killed at a call that changes files', () => {
  for (const when of ['before', 'after']) {
    test(
      `${when} it is made`,
      async () => {
        let moment = 1;
        for (; moment < MOST; moment += STRIDE) {
          const { signal } = await dying(moment, when);
          if (signal !== 'SIGKILL') break;
          await finishes(`call ${moment}`);
          clear();
        }
        expect(moment).toBeGreaterThan(STRIDE);
        expect(moment).toBeLessThan(MOST);
      },
      MOST * 10_000,
    );
  }

  test(
    'is finished when it is killed again, at another call',
    async () => {
      for (let moment = 3; moment < MOST; moment += 4 * STRIDE) {
        if ((await dying(moment, 'after')).signal !== 'SIGKILL') break;
        if (!existsSync(target)) await dying(moment + 7, 'before');
        await finishes(`call ${moment}`);
        clear();
      }
    },
    MOST * 10_000,
  );

  test(
    'as one of two ranks, leaves the other able to publish',
    async () => {
      await Promise.all([run(rank(0)), run(rank(1))]);
      const split = hashTree(target);
      clear();
      for (let moment = 1; moment < MOST; moment += 2 * STRIDE) {
        const [dead] = await Promise.all([dying(moment, 'after', rank(0)), run(rank(1))]);
        if (dead.signal !== 'SIGKILL') break;
        if (existsSync(target)) expect(hashTree(target)).toEqual(split);
        else {
          const both = await Promise.all([run(rank(0)), run(rank(1))]);
          expect([moment, ...both.map(({ exit }) => exit)]).toEqual([moment, 0, 0]);
        }
        expect(hashTree(target), `call ${moment}`).toEqual(split);
        clear();
      }
    },
    MOST * 10_000,
  );
});

test('a small file that was half written is written again', async () => {
  const { signal } = await run(atCall('writeSmallFiles:1 after'));
  expect(signal).toBe('SIGKILL');
  const tokenizer = join(partial, 'checkpoint/iter_0000000/tokenizer/tokenizer.json');
  truncateSync(tokenizer, 10);
  chmodSync(tokenizer, 0o444);
  await finishes('half a tokenizer');
});

describe('what a run that was killed after it had published has left', () => {
  // Where the first of two runs is in the removal of it when the other one begins and ends.
  for (const moment of ['unlink:1 before', 'unlink:1 after', 'rmdir:1 before']) {
    test(`is cleared away by two runs at a time (${moment})`, async () => {
      expect((await run(atCall('rename:2 after'))).signal).toBe('SIGKILL');
      expect([existsSync(target), existsSync(partial)]).toEqual([true, true]);
      const same = Object.entries(words).map(([key, value]) => `${key}=${value}`);
      const line = [process.execPath, BIN, 'steps', 'run', 'convert/hf_to_megatron', ...same].join(' ');
      const code = join(dir, 'exit-code');
      const other = `env -u NODE_OPTIONS ${line} > /dev/null 2>&1; echo $? > ${code}`;
      const { exit, stderr } = await run(atCall(moment, other));
      expect([exit, stderr.match(/error.*/)?.[0], readFileSync(code, 'utf8')]).toEqual([0, undefined, '0\n']);
      expect(hashTree(target)).toEqual(want);
      expect(existsSync(partial)).toBe(false);
      rmSync(code);
    });
  }
});

test(
  'a conversion that another one overtakes is told that its target is there, whenever it is overtaken',
  async () => {
    const ready = `${target}.ready`;
    await run();
    renameSync(target, ready);
    let moment = 1;
    for (; moment < MOST; moment += STRIDE) {
      const overtake = `rm -rf ${target} ${partial} && cp -r ${ready} ${target}`;
      const { exit, stderr } = await run(atCall(`${moment} before`, overtake));
      expect(hashTree(target), `call ${moment}`).toEqual(want);
      expect(existsSync(partial), `call ${moment}`).toBe(false);
      // It had published, or there was nothing left of it to overtake.
      if (exit === 0) break;
      expect([moment, exit, stderr]).toEqual([moment, 4, expect.stringContaining('error[E0401]')]);
      clear();
    }
    expect(moment).toBeGreaterThan(STRIDE);
    expect(moment).toBeLessThan(MOST);
    rmSync(ready, { recursive: true });
  },
  MOST * 10_000,
);
