import type { OnProgress, ProgressEvent } from './events.js';

/** Work whose events are read as they come. */
export interface EventStream<T> extends AsyncIterable<ProgressEvent> {
  /** What the work returns or throws; the events end then, without an error of their own. */
  readonly result: Promise<T>;
}

/**
 * Starts work that reports to a callback and gives its events to a `for await`. One reader; an event of bytes that
 * nobody has read yet is replaced by the next, so a slow reader gets the newest and memory stays bounded.
 */
export function streamEvents<T>(work: (onProgress: OnProgress) => Promise<T>): EventStream<T> {
  const waiting: ProgressEvent[] = [];
  let ended = false;
  let wake: () => void = () => undefined;
  const result = work((event) => {
    const last = waiting.at(-1);
    if (event.kind === 'bytes' && last?.kind === 'bytes' && last.phase === event.phase) waiting.pop();
    waiting.push(event);
    wake();
  }).finally(() => {
    ended = true;
    wake();
  });
  // Who reads the events first learns of a failure from `result` later.
  result.catch(() => undefined);
  return {
    result,
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const event = waiting.shift();
        if (event !== undefined) yield event;
        else if (ended) return;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    },
  };
}
