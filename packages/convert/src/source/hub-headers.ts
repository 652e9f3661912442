import { open } from 'node:fs/promises';
import { type Download, fetchRange, type Locations } from './hub-download.js';
import type { PartialBlob } from './hub-partial.js';

/** Most headers fit into this. */
const FIRST_BYTES = 64 * 1024;
/** What the format allows; a longer one is for the reader of headers to refuse. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;

/**
 * Fetches the header of a safetensors file into a blob that has its final length and is otherwise empty, so that it can
 * be inspected like a complete one. Returns the header's bytes.
 */
export async function fetchHeader(
  blob: PartialBlob,
  locations: Locations,
  download: Download,
): Promise<Buffer> {
  const { bytes } = blob.file;
  const first = Math.min(FIRST_BYTES, bytes);
  await fetchRange(blob, { begin: 0, end: first }, locations, download);
  await blob.stretch();
  const length = await headerBytes(blob.path, bytes);
  if (length > first) await fetchRange(blob, { begin: first, end: length }, locations, download);
  return readStart(blob.path, length);
}

/** Bytes of a file up to the end of its header; what cannot be a header counts as long as the length field. */
export async function headerBytes(path: string, bytes: number): Promise<number> {
  if (bytes < LENGTH_BYTES) return bytes;
  const length = (await readStart(path, LENGTH_BYTES)).readBigUInt64LE();
  const end = LENGTH_BYTES + Number(length);
  return length <= MAX_HEADER_BYTES && end <= bytes ? end : LENGTH_BYTES;
}

export async function readStart(path: string, length: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await file.read(buffer, done, length - done, done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return buffer.subarray(0, done);
  } finally {
    await file.close();
  }
}
