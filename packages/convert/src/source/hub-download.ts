import { NemotronError } from '@nemotron-convert/core';
import type { ModelCache } from './hub-cache.js';
import { Transient } from './hub-failure.js';
import type { HubClient } from './hub-http.js';
import type { HubFile } from './hub-list.js';
import { PartialBlob, type Piece } from './hub-partial.js';
import { retrying } from './hub-retry.js';

/** More connections than this bring nothing but refusals. */
const CONNECTIONS = 8;
/** A wrong hash can come from a stale piece of an earlier run; a second one cannot. */
const HASH_ATTEMPTS = 2;

export interface Download {
  readonly client: HubClient;
  readonly cache: ModelCache;
  readonly urlOf: (file: HubFile) => URL;
  /** Called with the bytes that arrived. */
  readonly onBytes: (bytes: number) => void;
  readonly pieceBytes?: number | undefined;
  /** Waited for before a file is begun. */
  readonly admit?: ((file: HubFile) => Promise<void>) | undefined;
  /** Called with each file once its blob is complete, while others are still coming. */
  readonly onFile?: ((file: HubFile) => Promise<void>) | undefined;
}

interface Work {
  readonly blob: PartialBlob;
  readonly left: Set<Piece>;
  attempts: number;
  isTold: boolean;
}

/**
 * Downloads files into the blobs of a cache, in ranges over several connections, and checks each one's hash. Files are
 * begun in their order; the pieces of a few are under way at once.
 */
export async function downloadBlobs(files: readonly HubFile[], download: Download): Promise<void> {
  const works = files.map((file) => {
    const blob = new PartialBlob(download.cache.blobs, file, download.pieceBytes);
    return { blob, left: new Set<Piece>(), attempts: 0, isTold: false };
  });
  const locations = new Locations(download);
  const queue: { work: Work; piece: Piece }[] = [];
  const failures: unknown[] = [];
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined);
  const begun = works.values();
  let refilling: Promise<boolean> | undefined;
  /** Puts the pieces of the next file into the queue; false when there is none. */
  const refill = async (): Promise<boolean> => {
    while (queue.length === 0) {
      const work = begun.next().value;
      if (work === undefined) return false;
      await Promise.race([download.admit?.(work.blob.file), failed]);
      await enqueue(work, queue, download);
    }
    return true;
  };
  const nextPiece = async () => {
    for (;;) {
      const next = queue.shift();
      if (next !== undefined) return next;
      refilling ??= refill().finally(() => {
        refilling = undefined;
      });
      if (!(await refilling)) return queue.shift();
    }
  };
  const worker = async (): Promise<void> => {
    for (
      let next = await nextPiece();
      next !== undefined && failures.length === 0;
      next = await nextPiece()
    ) {
      const { work, piece } = next;
      const { blob } = work;
      const isThere = await download.cache.hasBlob(blob.file);
      if (!isThere && !(await blob.finished()).has(piece.index)) {
        await fetchPiece(blob, piece, locations, download);
      }
      work.left.delete(piece);
      if (isThere || (work.left.size === 0 && (await blob.publish()))) await complete(work, download);
      else if (work.left.size === 0) await enqueue(work, queue, download);
    }
  };
  const caught = (): Promise<void> =>
    worker().catch((error: unknown) => {
      failures.push(error);
      fail(error);
    });
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, caught));
    if (failures.length > 0) throw failures[0];
  } finally {
    await Promise.all(works.map(({ blob }) => blob.close()));
    // Where another process was faster, ours is left over.
    for (const { blob } of works) if (await download.cache.hasBlob(blob.file)) await blob.discard();
  }
}

/** Tells of a complete file, once: several of its pieces may find it there. */
async function complete(work: Work, { onFile }: Download): Promise<void> {
  if (work.isTold) return;
  work.isTold = true;
  await onFile?.(work.blob.file);
}

/** Puts the pieces of a file that are not complete into the queue; all of it when a hash was wrong. */
async function enqueue(work: Work, queue: { work: Work; piece: Piece }[], download: Download): Promise<void> {
  const { blob } = work;
  if (await download.cache.hasBlob(blob.file)) return complete(work, download);
  if (work.attempts === HASH_ATTEMPTS) {
    throw new NemotronError('HUB_CORRUPT', `${blob.file.name}: its hash is not ${blob.file.etag}`, {
      facts: { file: blob.file.name, expected: blob.file.etag },
    });
  }
  work.attempts++;
  const finished = await blob.finished();
  const pieces = blob.pieces();
  const open = pieces.filter(({ index }) => !finished.has(index));
  // A complete one still has to be hashed and published, which its last piece triggers.
  for (const piece of open.length === 0 ? pieces.slice(-1) : open) {
    work.left.add(piece);
    queue.push({ work, piece });
  }
}

/** Fetches one piece and notes that it is there. */
async function fetchPiece(
  blob: PartialBlob,
  piece: Piece,
  locations: Locations,
  download: Download,
): Promise<void> {
  await fetchRange(blob, piece, locations, download);
  await blob.finish(piece);
}

/** Fetches a range of a file; a cut connection is taken up where it ended. */
export async function fetchRange(
  blob: PartialBlob,
  piece: Pick<Piece, 'begin' | 'end'>,
  locations: Locations,
  download: Download,
): Promise<void> {
  let at = piece.begin;
  await retrying(download.client.settings.retry, download.client.signal, async () => {
    if (at === piece.end) return;
    const { body, status, url } = await locations.get(blob.file, at, piece.end);
    const isWhole = status === 200 && at === 0 && piece.end === blob.file.bytes;
    const range = `bytes ${at}-${piece.end - 1}/`;
    if (!isWhole && !String(body.headers['content-range'] ?? '').startsWith(range)) {
      body.destroy();
      throw new NemotronError('HUB_ANSWER', `${url.host} did not send the range that was asked for`, {
        facts: { file: blob.file.name, expected: range, found: body.headers['content-range'] ?? status },
      });
    }
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        if (at + chunk.length > piece.end) {
          body.destroy();
          throw new Transient(`${url.host} sent more bytes of ${blob.file.name} than announced`);
        }
        await blob.write(chunk, at);
        at += chunk.length;
        download.onBytes(chunk.length);
      }
    } catch (cause) {
      if (cause instanceof Transient || isDiskError(cause) || download.client.signal?.aborted) throw cause;
      throw new Transient(`${url.host} cut the connection in ${blob.file.name}`, cause);
    }
    if (at < piece.end) throw new Transient(`${url.host} ended ${blob.file.name} early`);
  });
}

function isDiskError(cause: unknown): boolean {
  return ['write', 'open', 'ftruncate'].includes((cause as NodeJS.ErrnoException).syscall ?? '');
}

/** Where the Hub's redirects have led for each file: storage hosts sign an address that serves many ranges. */
export class Locations {
  readonly #known = new Map<HubFile, URL>();

  constructor(private readonly download: Download) {}

  async get(file: HubFile, begin: number, end: number) {
    const headers = { range: `bytes=${begin}-${end - 1}` };
    const known = this.#known.get(file);
    if (known !== undefined) {
      try {
        return await this.download.client.get(known, headers);
      } catch (error) {
        this.#known.delete(file);
        throw error;
      }
    }
    const answer = await this.download.client.get(this.download.urlOf(file), headers);
    this.#known.set(file, answer.url);
    return answer;
  }
}
