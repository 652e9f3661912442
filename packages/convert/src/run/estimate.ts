import { open } from 'node:fs/promises';

const SAMPLES = 8;
const SAMPLE_BYTES = 4 * 2 ** 20;
/** Node itself with the engine and the plan in it, before any buffer. */
const BASE_MEMORY = 120 * 2 ** 20;

/** How long a conversion will take, by how fast its source is being read. */
export interface Estimate {
  readonly seconds: number;
  /** Bytes a second, as measured now. */
  readonly readRate: number;
}

/**
 * Reads a few pieces of the source and takes the time. What is written is counted as if it went at the same rate, one
 * after the other: the disks are often the same. Null when there is nothing to measure.
 */
export async function estimate(
  files: readonly { readonly path: string; readonly bytes: number }[],
  bytesWritten: number,
): Promise<Estimate | null> {
  const [largest] = [...files].sort((a, b) => b.bytes - a.bytes);
  if (largest === undefined) return null;
  const file = await open(largest.path, 'r');
  try {
    const length = Math.min(SAMPLE_BYTES, Math.floor(largest.bytes / SAMPLES));
    const buffer = Buffer.alloc(length);
    const began = performance.now();
    let read = 0;
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      const position = Math.floor((sample * (largest.bytes - length)) / (SAMPLES - 1));
      read += (await file.read(buffer, 0, length, position)).bytesRead;
    }
    const rate = read / Math.max((performance.now() - began) / 1000, 1e-6);
    if (read === 0) return null;
    const bytesRead = files.reduce((sum, { bytes }) => sum + bytes, 0);
    return { seconds: (bytesRead + bytesWritten) / rate, readRate: rate };
  } finally {
    await file.close();
  }
}

/** Bytes of memory at most: buffers, and what is there whatever the model's size. The plan is held twice. */
export function peakMemory(bufferBytes: number, planBytes: number): number {
  return BASE_MEMORY + bufferBytes + 2 * planBytes;
}
