import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { interruptible } from './interrupt.js';

const aborted = async (signal: AbortSignal) => {
  for (;;) {
    if (signal.aborted) throw new Error('aborted');
    await sleep(1);
  }
};

for (const [signal, code] of [
  ['SIGINT', 'INTERRUPTED'],
  ['SIGTERM', 'TERMINATED'],
] as const) {
  test(`${signal} aborts the work`, async () => {
    const before = process.listenerCount(signal);
    const work = interruptible(aborted);
    process.emit(signal, signal);
    await expect(work).rejects.toMatchObject({ code });
    expect(process.listenerCount(signal)).toBe(before);
  });
}

test('other failures and results pass through', async () => {
  await expect(interruptible(() => Promise.reject(new Error('other')))).rejects.toThrow('other');
  await expect(interruptible(() => Promise.resolve(7))).resolves.toBe(7);
});
