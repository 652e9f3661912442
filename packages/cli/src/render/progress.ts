import { formatBytes, formatDuration, type OnProgress, type ProgressEvent } from '@nemotron-convert/core';
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

/** Renders progress: one live line on a terminal, otherwise a line each 10 s or 5 %. */
export function progress(output: Output, clock: () => number): Progress {
  const began = clock();
  let shownAt = Number.NEGATIVE_INFINITY;
  let shownShare = 0;
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
    const share = event.total === 0 ? 1 : event.done / event.total;
    const line = bytesLine(event, now - began);
    if (output.isTty) {
      if (now - shownAt < LIVE_SECONDS && share < 1) return;
      output.write(`\r\x1b[2K${line.slice(0, output.columns - 1)}`);
      live = true;
    } else {
      const isLast = share >= 1 && shownShare < 1;
      const due = now - Math.max(shownAt, began) >= LOG_SECONDS || share - shownShare >= LOG_SHARE;
      if (!due && !isLast) return;
      output.write(`${line}\n`);
    }
    shownAt = now;
    shownShare = share;
  };
  const onProgress: OnProgress = (event) => {
    if (event.kind === 'bytes') bytes(event);
    else if (event.kind === 'warning') print(`warning[${event.code}]: ${event.message}`);
    else if (event.kind === 'note') print(`note: ${event.message}`);
  };
  return { onProgress, end: clear };
}

/** `convert 61% 37.4 GB/61.6 GB 2.90 GB/s eta 0:08 decoder.layers.31…`. */
function bytesLine(
  { phase, done, total, key }: Extract<ProgressEvent, { kind: 'bytes' }>,
  seconds: number,
): string {
  const share = total === 0 ? 1 : done / total;
  const rate = seconds > 0 ? done / seconds : 0;
  const eta = rate > 0 ? formatDuration((total - done) / rate) : '-';
  const parts = [
    phase,
    `${Math.floor(share * 100)}%`,
    `${formatBytes(done)}/${formatBytes(total)}`,
    `${formatBytes(rate)}/s`,
    `eta ${eta}`,
  ];
  return key === undefined ? parts.join(' ') : `${parts.join(' ')} ${key}`;
}
