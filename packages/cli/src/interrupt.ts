import { ERRORS, NemotronError } from '@nemotron-convert/core';

const SIGNALS = { SIGINT: 'INTERRUPTED', SIGTERM: 'TERMINATED' } as const;

/**
 * Runs work that the first Ctrl-C or SIGTERM aborts cleanly; a second one ends the process at once. An aborted work
 * ends with INTERRUPTED or TERMINATED.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let received: keyof typeof SIGNALS | undefined;
  const onSignal = (name: NodeJS.Signals) => {
    const signal = name === 'SIGTERM' ? 'SIGTERM' : 'SIGINT';
    if (received !== undefined) process.exit(ERRORS[SIGNALS[signal]].exit);
    received = signal;
    controller.abort();
  };
  for (const name of Object.keys(SIGNALS)) process.on(name, onSignal);
  try {
    return await work(controller.signal);
  } catch (error) {
    if (received === undefined) throw error;
    throw new NemotronError(SIGNALS[received], 'stopped; nothing was published', { cause: error });
  } finally {
    for (const name of Object.keys(SIGNALS)) process.off(name, onSignal);
  }
}
