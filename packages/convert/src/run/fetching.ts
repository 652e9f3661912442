import { NemotronError } from '@nemotron-convert/core';
import type { ExecuteReport } from '@nemotron-convert/native';
import type { HubFile } from '../source/hub-list.js';
import type { HubWeights } from '../source/hub-weights.js';
import { Window } from './window.js';

/** Files that may wait for their conversion at once when none is kept. */
const AHEAD = 4;

/** One run of the engine over the sources with these numbers; another goes on where it ended. */
export type Round = (ready: readonly number[]) => Promise<ExecuteReport>;

export interface Fetching {
  /** Convert what is complete while the rest is coming. */
  readonly stream: boolean;
  /** Otherwise each file is removed once nothing is left to convert from it. */
  readonly keepSource: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of weight files that lie on the disk at once, where none is kept. */
export function windowBytes(files: readonly HubFile[]): number {
  return AHEAD * Math.max(0, ...files.map(({ bytes }) => bytes));
}

/**
 * Executes a plan whose sources are on the Hub, in rounds. The engine tells what unfinished parts need: only that is
 * fetched, so what an interrupted run has converted is not fetched again.
 */
export async function executeFetching(
  round: Round,
  weights: HubWeights,
  { stream, keepSource, signal }: Fetching,
): Promise<ExecuteReport> {
  const here = new Set(await weights.present());
  const changes = new Changes();
  const window = new Window(keepSource ? Number.POSITIVE_INFINITY : windowBytes(weights.files), () =>
    changes.note(),
  );
  const reports: ExecuteReport[] = [];
  const advance = async (ready: Iterable<HubFile>): Promise<ReadonlySet<HubFile>> => {
    const report = await round(Array.from(ready, (file) => weights.files.indexOf(file)));
    reports.push(report);
    const needed = new Set(report.waiting.map((number) => weights.files[number] as HubFile));
    for (const file of keepSource ? [] : here) {
      if (needed.has(file)) continue;
      await weights.remove(file);
      here.delete(file);
      window.release(file);
    }
    return needed;
  };

  let needed = await advance(stream ? here : []);
  for (const file of here) window.hold(file);
  const absent = weights.files.filter((file) => needed.has(file) && !here.has(file));
  let unconverted = !stream && needed.size > 0;
  const stop = new AbortController();
  let outcome: { readonly error?: unknown } | undefined;
  const fetched = weights
    .fetch(absent, {
      signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]),
      admit: (file) => window.admit(file),
      onFile: (file) => {
        here.add(file);
        window.hold(file);
        unconverted = true;
        changes.note();
      },
    })
    .then(
      () => ({}),
      (error: unknown) => ({ error }),
    )
    .then((end) => {
      outcome = end;
      changes.note();
    });
  try {
    while (needed.size > 0) {
      const mayConvert = stream || outcome !== undefined;
      if (unconverted && mayConvert) {
        unconverted = false;
        needed = await advance(here);
      } else if (outcome !== undefined) {
        throw outcome.error ?? new NemotronError('INTERNAL', 'the engine waits for sources that are there');
      } else {
        if (stream) window.widenIfIdle();
        await changes.next();
      }
    }
  } finally {
    stop.abort();
    window.close(stop.signal.reason);
    await fetched;
  }
  return together(reports);
}

/** Lets a loop that has looked at everything wait until there is something new to look at. */
class Changes {
  #wake: () => void = () => undefined;

  note(): void {
    this.#wake();
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** One report of all rounds. */
function together(reports: readonly ExecuteReport[]): ExecuteReport {
  const [first] = reports as [ExecuteReport];
  const most = reports.reduce((a, b) => (b.bytesRead > a.bytesRead ? b : a));
  const sum = (part: (report: ExecuteReport) => number) =>
    reports.reduce((total, report) => total + part(report), 0);
  return {
    ...most,
    bytesResumed: first.bytesResumed,
    bytesRead: sum(({ bytesRead }) => bytesRead),
    seconds: sum(({ seconds }) => seconds),
    waiting: [],
  };
}
