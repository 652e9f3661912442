import type { Context } from '@nemotron-convert/convert';
import { formatBytes } from '@nemotron-convert/core';
import { interruptible } from '../interrupt.js';
import type { Io, StepRun } from '../io.js';
import { jsonText } from '../render/json.js';
import { progress } from '../render/progress.js';
import { unknownOverrides } from './hf-to-megatron/unknown.js';
import type { Manifest } from './manifest.js';
import type { Settings } from './settings.js';

/** What every conversion reports. */
interface Report {
  readonly path: string;
  readonly published: boolean;
  readonly bytesWritten: number;
  readonly bytesShared: number;
  readonly bytesResumed: number;
  readonly seconds: number;
  readonly phases: Readonly<Record<'plan' | 'convert' | 'verify' | 'publish', number>>;
  readonly filesystems: { readonly source: string; readonly target: string };
  readonly threads: number;
  readonly compute: string;
  readonly computeReason: string | null;
  readonly readMode: string;
  readonly writeMode: string;
}

/** A conversion as a step has read it from its settings. */
export interface Conversion {
  readonly from: string;
  readonly to: string;
  /** Why this rank has nothing to do; null where it has. */
  readonly idle: string | null;
  readonly notes: readonly string[];
  readonly showProgress: boolean;
  readonly convert: (context: Context) => Promise<Report>;
}

/** Converts and tells about it; the target appears complete or not at all. Returns the exit code. */
export async function runConversion(
  { from, to, idle, notes, showProgress, convert }: Conversion,
  settings: Settings,
  manifest: Manifest,
  { env, json, quiet, verbose }: StepRun,
  io: Io,
): Promise<number> {
  const say = (text: string) => {
    if (!quiet) io.err.write(`${text}\n`);
  };
  for (const key of unknownOverrides(settings, manifest))
    say(`warning: ${key} is no parameter of ${manifest.id}`);
  for (const note of notes) say(`note: ${note}`);
  if (idle !== null) {
    say(idle);
    return 0;
  }
  say(`Converting ${from} -> ${to}`);
  const shown = quiet || !showProgress ? undefined : progress(io.err, () => performance.now() / 1000);
  const report = await interruptible(async (signal) => {
    try {
      return await convert({
        env,
        signal,
        ...(shown === undefined ? {} : { onProgress: shown.onProgress }),
      });
    } finally {
      shown?.end();
    }
  });
  if (verbose) {
    const why = report.computeReason === null ? '' : `: ${report.computeReason}`;
    say(`computed by ${report.compute}${why}`);
  }
  if (json) io.out.write(jsonText(report));
  else if (!quiet) {
    const rate = formatBytes(report.bytesWritten / Math.max(report.seconds, 1e-9));
    const size = formatBytes(report.bytesWritten);
    const state = report.published ? '' : ' (the rank that completes the set publishes it)';
    io.out.write(`${report.path}${state}: ${size} in ${report.seconds.toFixed(1)} s, ${rate}/s\n`);
    io.out.write(howText(report));
  }
  return 0;
}

/** Where the time went and how the bytes did, a line each; nothing for who had nothing left to write. */
function howText(report: Report): string {
  const { threads, readMode, writeMode, phases, filesystems, bytesWritten, bytesShared, bytesResumed } =
    report;
  if (threads === 0) return '';
  const rate = formatBytes((bytesWritten - bytesResumed) / Math.max(phases.convert, 1e-9));
  const times = Object.entries(phases).map(([phase, seconds]) => {
    const text = `${phase} ${seconds.toFixed(2)} s`;
    return phase === 'convert' ? `${text} (${rate}/s)` : text;
  });
  const shared = bytesShared > 0 ? `, ${formatBytes(bytesShared)} of it shared` : '';
  const workers = `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return [
    ...(bytesResumed > 0 ? [`resumed   ${formatBytes(bytesResumed)} were there`] : []),
    `phases    ${times.join(', ')}`,
    `read      ${filesystems.source}, by ${readMode}; ${workers}`,
    `written   ${filesystems.target}, ${writeMode}${shared}`,
  ]
    .map((line) => `  ${line}\n`)
    .join('');
}
