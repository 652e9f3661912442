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
  readonly seconds: number;
  readonly threads: number;
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
  { env, json, quiet }: StepRun,
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
  if (json) io.out.write(jsonText(report));
  else if (!quiet) {
    const rate = formatBytes(report.bytesWritten / Math.max(report.seconds, 1e-9));
    const size = formatBytes(report.bytesWritten);
    const state = report.published ? '' : ' (the rank that completes the set publishes it)';
    io.out.write(
      `${report.path}${state}: ${size} in ${report.seconds.toFixed(1)} s, ${rate}/s${ways(report)}\n`,
    );
  }
  return 0;
}

/** How the bytes went: `; read by pread, written direct, 4 threads`. */
function ways({ threads, readMode, writeMode, bytesShared }: Report): string {
  if (threads === 0) return '';
  const shared = bytesShared > 0 ? `, ${formatBytes(bytesShared)} shared with the source` : '';
  return `; read by ${readMode}, written ${writeMode}${shared}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}
