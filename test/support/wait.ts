import { setTimeout as sleep } from 'node:timers/promises';

/** Far longer than anything takes on a machine that is busy with other tests. */
const LONGEST_MS = 180_000;

/** Waits until `condition` gives something other than false and undefined. Throws when it does not come. */
export async function until<T>(
  what: string,
  condition: () => T | false | undefined | Promise<T | false | undefined>,
  pauseMs = 20,
): Promise<T> {
  const began = performance.now();
  for (;;) {
    const found = await condition();
    if (found !== false && found !== undefined) return found;
    if (performance.now() - began > LONGEST_MS) throw new Error(`waited in vain: ${what}`);
    await sleep(pauseMs);
  }
}

/** Whether a promise has settled, at any moment. */
export function settling(work: Promise<unknown>): () => boolean {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  work.then(settle, settle);
  return () => isSettled;
}
