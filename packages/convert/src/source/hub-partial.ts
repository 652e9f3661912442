import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { appendFile, type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sizeOf } from './hub-cache.js';
import type { HubFile } from './hub-list.js';

/** What one request fetches: large enough to keep requests few, small enough to lose little when one is cut. */
const PIECE_BYTES = 64 * 1024 * 1024;

export interface Piece {
  readonly index: number;
  readonly begin: number;
  readonly end: number;
}

/**
 * A blob being downloaded: `blobs/<etag>.nemotron` with the bytes at their places, and `.nemotron.pieces` with the
 * numbers of the pieces that are complete. Python's `<etag>.incomplete` is left alone: it continues such a file from its
 * length, and a file with holes has its full length from the start.
 *
 * Several processes may download one blob at once without a lock: all write the same bytes to the same places, and
 * each looks up what the others have finished.
 */
export class PartialBlob {
  readonly #data: string;
  readonly #journal: string;
  readonly #blob: string;
  #handle: Promise<FileHandle> | undefined;

  constructor(
    blobs: string,
    readonly file: HubFile,
    private readonly pieceBytes: number = PIECE_BYTES,
  ) {
    this.#blob = join(blobs, file.etag);
    this.#data = `${this.#blob}.nemotron`;
    this.#journal = `${this.#data}.pieces-${pieceBytes}`;
  }

  /** All of it in order; one empty piece for an empty file. */
  pieces(): Piece[] {
    const { pieceBytes, file } = this;
    return Array.from({ length: Math.max(1, Math.ceil(file.bytes / pieceBytes)) }, (_, index) => ({
      index,
      begin: index * pieceBytes,
      end: Math.min((index + 1) * pieceBytes, file.bytes),
    }));
  }

  /** Numbers of the complete pieces. Without the data the journal means nothing. */
  async finished(): Promise<ReadonlySet<number>> {
    if ((await sizeOf(this.#data)) === undefined) return new Set();
    const text = await readFile(this.#journal, 'utf8').catch(() => '');
    return new Set(text.split('\n').flatMap((line) => (/^\d+$/.test(line) ? [Number(line)] : [])));
  }

  async write(chunk: Buffer, position: number): Promise<void> {
    const handle = await this.#opened();
    let written = 0;
    while (written < chunk.length) {
      const { bytesWritten } = await handle.write(chunk, written, chunk.length - written, position + written);
      written += bytesWritten;
    }
  }

  #opened(): Promise<FileHandle> {
    this.#handle ??= open(this.#data, constants.O_CREAT | constants.O_RDWR);
    return this.#handle;
  }

  async finish(piece: Piece): Promise<void> {
    await appendFile(this.#journal, `${piece.index}\n`);
  }

  /** Where the bytes are until they are published. */
  get path(): string {
    return this.#data;
  }

  /** Gives the data its final length, with holes where nothing has come yet. */
  async stretch(): Promise<void> {
    const handle = await this.#opened();
    if ((await handle.stat()).size < this.file.bytes) await handle.truncate(this.file.bytes);
  }

  /** Bytes on disk already. */
  async allocated(): Promise<number> {
    const found = await stat(this.#data).catch(() => undefined);
    return Math.min(found === undefined ? 0 : found.blocks * 512, this.file.bytes);
  }

  /** Makes it the blob when its hash is right; false, and nothing kept, when it is not. */
  async publish(): Promise<boolean> {
    if (this.file.bytes === 0) await this.write(Buffer.alloc(0), 0);
    const handle = await this.#handle;
    await handle?.datasync();
    await this.close();
    try {
      if ((await hashOf(this.#data, this.file)) !== this.file.etag) {
        await this.discard();
        return false;
      }
      await rename(this.#data, this.#blob);
    } catch (error) {
      // Another process has published it between our steps.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      if ((await sizeOf(this.#blob)) !== this.file.bytes) throw error;
    }
    await rm(this.#journal, { force: true });
    return true;
  }

  async discard(): Promise<void> {
    await this.close();
    await rm(this.#journal, { force: true });
    await rm(this.#data, { force: true });
  }

  async close(): Promise<void> {
    const handle = await this.#handle?.catch(() => undefined);
    this.#handle = undefined;
    await handle?.close();
  }
}

/** The hash that names a blob: SHA-256 of the bytes, or Git's SHA-1 of `blob <size>\0` and the bytes. */
async function hashOf(path: string, file: HubFile): Promise<string> {
  const isGit = file.etag.length === 40;
  const hash = createHash(isGit ? 'sha1' : 'sha256');
  if (isGit) hash.update(`blob ${await sizeOf(path)}\0`);
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}
