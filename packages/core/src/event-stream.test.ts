import { expect, test } from 'vitest';
import { streamEvents } from './event-stream.js';
import type { ProgressEvent } from './events.js';

const bytes = (done: number): ProgressEvent => ({ kind: 'bytes', phase: 'convert', done, total: 9 });
const later = () => new Promise((resolve) => setImmediate(resolve));

test('gives events as they come, and the result', async () => {
  const stream = streamEvents(async (tell) => {
    tell({ kind: 'phase', phase: 'convert' });
    for (const done of [1, 2, 3]) {
      await later();
      tell(bytes(done));
    }
    return 'done';
  });
  const seen: ProgressEvent[] = [];
  for await (const event of stream) seen.push(event);
  expect(seen).toEqual([{ kind: 'phase', phase: 'convert' }, bytes(1), bytes(2), bytes(3)]);
  expect(await stream.result).toBe('done');
});

test('a slow reader gets the newest bytes, and every other event', async () => {
  const note = (message: string): ProgressEvent => ({ kind: 'note', message });
  const stream = streamEvents(async (tell) => {
    for (const event of [bytes(1), bytes(2), note('a'), note('b'), bytes(3), bytes(4)]) tell(event);
  });
  await stream.result;
  const seen: ProgressEvent[] = [];
  for await (const event of stream) seen.push(event);
  expect(seen).toEqual([bytes(2), note('a'), note('b'), bytes(4)]);
});

test('a failure ends the events and is told by the result', async () => {
  const stream = streamEvents(async (tell) => {
    tell(bytes(1));
    throw new Error('full');
  });
  const seen: ProgressEvent[] = [];
  for await (const event of stream) seen.push(event);
  expect(seen).toEqual([bytes(1)]);
  await expect(stream.result).rejects.toThrow('full');
});
