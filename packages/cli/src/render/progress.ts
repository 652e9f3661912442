import {
  formatBytes,
  formatDuration,
  type OnProgress,
  type Phase,
  type ProgressEvent,
} from '@nemotron-convert/core';
import type { Output } from '../io.js';

/** Without a terminal a line is written after this long, or after this share of the bytes. */
const LOG_SECONDS = 10;
const LOG_SHARE = 0.05;
const LIVE_SECONDS = 0.1;

export interface Progress {
  readonly onProgress: OnProgress;
  /** Leaves the terminal clean for what is printed next. */
  readonly end: () => void;
}

/** What was last shown of a phase; a download and a conversion may go on at once. */
interface Shown {
  readonly began: number;
  readonly doneAtBegin: number;
  at: number;
  share: number;
  line: string;
}

/** Renders progress: one live line on a terminal, otherwise a line each 10 s or 5 %. */
export function progress(output: Output, clock: () => number): Progress {
  const phases = new Map<Phase, Shown>();
  let live = false;

  const clear = () => {
    if (live) output.write('\r\x1b[2K');
    live = false;
  };
  const print = (line: string) => {
    clear();
    output.write(`${line}\n`);
  };
  const bytes = (event: Extract<ProgressEvent, { kind: 'bytes' }>) => {
    const now = clock();
    const shown = phases.get(event.phase) ?? begin(event, now);
    phases.set(event.phase, shown);
    const share = event.total === 0 ? 1 : event.done / event.total;
    const line = bytesLine(event, now - shown.began, event.done - shown.doneAtBegin);
    if (output.isTty) {
      if (now - shown.at < LIVE_SECONDS && share < 1) return;
      shown.line = share < 1 ? line : '';
      const others = [...phases].flatMap(([phase, { line }]) =>
        phase === event.phase || line === '' ? [] : [line],
      );
      output.write(`\r\x1b[2K${[line, ...others].join(' | ').slice(0, output.columns - 1)}`);
      live = true;
    } else {
      const isLast = share >= 1 && shown.share < 1;
      const due = now - Math.max(shown.at, shown.began) >= LOG_SECONDS || share - shown.share >= LOG_SHARE;
      if (!due && !isLast) return;
      output.write(`${line}\n`);
    }
    shown.at = now;
    shown.share = share;
  };
  const onProgress: OnProgress = (event) => {
    if (event.kind === 'bytes') bytes(event);
    else if (event.kind === 'warning') print(`warning[${event.code}]: ${event.message}`);
    else if (event.kind === 'note') print(`note: ${event.message}`);
  };
  return { onProgress, end: clear };
}

/** What was there before a phase began does not count for its speed. */
function begin({ done }: { readonly done: number }, now: number): Shown {
  return { began: now, doneAtBegin: done, at: Number.NEGATIVE_INFINITY, share: 0, line: '' };
}

/** `convert 61% 37.4 GB/61.6 GB 2.90 GB/s eta 0:08 decoder.layers.31…`. */
function bytesLine(
  { phase, done, total, key }: Extract<ProgressEvent, { kind: 'bytes' }>,
  seconds: number,
  doneSince: number,
): string {
  const share = total === 0 ? 1 : done / total;
  const rate = seconds > 0 ? doneSince / seconds : 0;
  const eta = rate > 0 ? formatDuration((total - done) / rate) : '-';
  const parts = [
    phase,
    `${Math.floor(share * 100)}%`,
    `${formatBytes(done)}/${formatBytes(total)}`,
    // The first event has no speed yet, and may be the only one.
    ...(seconds > 0 ? [`${formatBytes(rate)}/s`, `eta ${eta}`] : []),
  ];
  return key === undefined ? parts.join(' ') : `${parts.join(' ')} ${key}`;
}
