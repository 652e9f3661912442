import { expect, test } from 'vitest';
import { EngineBudget, type Lease } from './engine-budget.js';

const SMALL = 2 ** 20;
const LARGE = 2 ** 40;
const MEMORY = 8 * 2 ** 20;

/** The leases that were granted by now. */
async function granted(asked: readonly Promise<Lease>[]): Promise<(Lease | null)[]> {
  return Promise.all(
    asked.map((lease) => Promise.race([lease, new Promise<null>((done) => setImmediate(done, null))])),
  );
}

test('a large conversion leaves room for small ones, however many large ones wait', async () => {
  const budget = new EngineBudget(8, MEMORY);
  const large = [LARGE, LARGE, LARGE].map((bytes) => budget.lease(bytes));
  const small = [SMALL, SMALL, SMALL].map((bytes) => budget.lease(bytes));
  expect((await granted(large)).map((lease) => lease?.threads)).toEqual([4, 2, undefined]);
  expect((await granted(small)).map((lease) => lease?.threads)).toEqual([1, 1, undefined]);
});

test('what is given back is given to who waits, once', async () => {
  const budget = new EngineBudget(2, MEMORY);
  const [first, second, third] = [SMALL, SMALL, SMALL].map((bytes) => budget.lease(bytes));
  const held = (await first) as Lease;
  expect(await granted([third as Promise<Lease>])).toEqual([null]);
  held.release();
  held.release();
  expect((await third)?.threads).toBe(1);
  expect(await granted([budget.lease(SMALL)])).toEqual([null]);
  expect((await second)?.memory).toBe(MEMORY / 2);
});

test('the leases together never exceed the budget', async () => {
  for (const threads of [1, 2, 3, 5, 8, 32]) {
    const budget = new EngineBudget(threads, MEMORY);
    const asked = [LARGE, SMALL, LARGE, ...Array.from({ length: threads }, () => SMALL), LARGE].map((bytes) =>
      budget.lease(bytes),
    );
    const held = (await granted(asked)).filter((lease) => lease !== null);
    expect(held.length).toBeGreaterThan(0);
    expect(held.reduce((sum, lease) => sum + lease.threads, 0)).toBeLessThanOrEqual(threads);
    expect(held.reduce((sum, lease) => sum + lease.memory, 0)).toBeLessThanOrEqual(MEMORY);
    for (let left = asked.length - held.length, round = [...held]; left > 0; ) {
      for (const lease of round) lease.release();
      const now = (await granted(asked)).filter((lease) => lease !== null);
      round = now.filter((lease) => !held.includes(lease));
      held.push(...round);
      left -= round.length;
      expect(round.length).toBeGreaterThan(0);
    }
  }
});
