import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { NemotronError, type OnProgress } from '@nemotron-convert/core';
import { inspectSafetensors, type SafetensorsFile } from '@nemotron-convert/native';
import type { ModelCache } from './hub-cache.js';
import { type Download, downloadBlobs, Locations } from './hub-download.js';
import { onCache } from './hub-failure.js';
import { fetchHeader, readStart } from './hub-headers.js';
import { HubClient } from './hub-http.js';
import type { HubId } from './hub-id.js';
import { fileUrl, type HubFile } from './hub-list.js';
import { PartialBlob } from './hub-partial.js';
import type { HubSettings } from './hub-settings.js';

/** Headers that are fetched at once. */
const CONNECTIONS = 8;

export interface WeightsContext {
  readonly id: HubId;
  readonly commit: string;
  readonly cache: ModelCache;
  readonly settings: HubSettings;
  readonly onProgress?: OnProgress | undefined;
  readonly pieceBytes?: number | undefined;
}

export interface FetchOptions {
  readonly signal?: AbortSignal | undefined;
  /** Waited for before a file is begun. */
  readonly admit?: (file: HubFile) => Promise<void>;
  /** Called with each file that is there, in the snapshot too, while others are still coming. */
  readonly onFile?: (file: HubFile) => void;
}

/** The weight files of a model on the Hub: their headers at once, their contents when they are wanted. */
export class HubWeights {
  /** Headers that were read before the contents were there. */
  readonly #early = new Map<HubFile, Buffer>();

  constructor(
    readonly files: readonly HubFile[],
    private readonly context: WeightsContext,
  ) {}

  /** The directory of the model in the cache. */
  get dir(): string {
    return this.context.cache.dir;
  }

  pathOf(file: HubFile): string {
    const { cache, commit } = this.context;
    return join(cache.snapshot(commit), file.name);
  }

  /** The files that are in the cache, linked into the snapshot. */
  async present(): Promise<HubFile[]> {
    const { cache, commit } = this.context;
    const found: HubFile[] = [];
    for (const file of this.files) {
      const isLinked = await cache.hasFile(commit, file);
      if (!isLinked && !(await cache.hasBlob(file))) continue;
      if (!isLinked) await onCache(cache.dir, () => cache.link(commit, file));
      found.push(file);
    }
    return found;
  }

  async absent(): Promise<HubFile[]> {
    const present = new Set(await this.present());
    return this.files.filter((file) => !present.has(file));
  }

  /** The headers of all files, in their order; those of absent ones come by a request for their first bytes. */
  async headers(signal?: AbortSignal): Promise<SafetensorsFile[]> {
    const { cache } = this.context;
    const absent = await this.absent();
    await onCache(cache.dir, () =>
      this.#connected(signal, async (download) => {
        await mkdir(cache.blobs, { recursive: true });
        const locations = new Locations(download);
        const left = absent.values();
        const worker = async (): Promise<void> => {
          for (const file of left) {
            const blob = this.#partial(file);
            try {
              this.#early.set(file, await fetchHeader(blob, locations, download));
            } finally {
              await blob.close();
            }
          }
        };
        await Promise.all(Array.from({ length: CONNECTIONS }, worker));
      }),
    );
    return this.#inspect();
  }

  /** Bytes that the download of files would still put on the disk. */
  async missingBytes(files: readonly HubFile[]): Promise<number> {
    let missing = 0;
    for (const file of files) missing += file.bytes - (await this.#partial(file).allocated());
    return missing;
  }

  /** Brings files, in their order. Throws the HUB_ errors. */
  async fetch(files: readonly HubFile[], { signal, admit, onFile }: FetchOptions = {}): Promise<void> {
    const { cache, commit, onProgress } = this.context;
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    let done = total - (await this.missingBytes(files));
    await onCache(cache.dir, () =>
      this.#connected(signal, (download) =>
        downloadBlobs(files, {
          ...download,
          admit,
          onBytes: (bytes) => {
            done += bytes;
            onProgress?.({ kind: 'bytes', phase: 'download', done: Math.min(done, total), total });
          },
          onFile: async (file) => {
            await this.#checkHeader(file);
            await cache.link(commit, file);
            onFile?.(file);
          },
        }),
      ),
    );
  }

  /** Removes a file that is not needed any more; `fetch` would bring it again. */
  async remove(file: HubFile): Promise<void> {
    const { cache, commit } = this.context;
    await onCache(cache.dir, () => cache.remove(commit, file));
  }

  /** Where the header of a file can be read. */
  #headerPath(file: HubFile): string {
    return this.#early.has(file) ? this.#partial(file).path : this.pathOf(file);
  }

  async #inspect(): Promise<SafetensorsFile[]> {
    try {
      const headers = await inspectSafetensors(this.files.map((file) => this.#headerPath(file)));
      return headers.map((header, at) => ({ ...header, path: this.pathOf(this.files[at] as HubFile) }));
    } catch (error) {
      const file = this.files.find(
        (each) => this.#headerPath(each) === (error as NemotronError).facts?.['path'],
      );
      if (!(error instanceof NemotronError) || file === undefined) throw error;
      // The place that it was read from says less than the file's name.
      const path = this.pathOf(file);
      const message = error.message.replaceAll(this.#headerPath(file), path);
      throw new NemotronError(error.code, message, { facts: { ...error.facts, path }, cause: error });
    }
  }

  /** What was planned from must be what came: the hash covers the whole file, but the header was read before. */
  async #checkHeader(file: HubFile): Promise<void> {
    const early = this.#early.get(file);
    if (early === undefined) return;
    const { cache } = this.context;
    const found = await readStart(join(cache.blobs, file.etag), early.length);
    if (found.equals(early)) return;
    throw new NemotronError('HUB_CORRUPT', `${file.name}: its first bytes came in two versions`, {
      facts: { file: file.name, expected: file.etag },
    });
  }

  #partial(file: HubFile): PartialBlob {
    return new PartialBlob(this.context.cache.blobs, file, this.context.pieceBytes);
  }

  async #connected<T>(signal: AbortSignal | undefined, work: (download: Download) => Promise<T>): Promise<T> {
    const { settings, cache, id, commit, pieceBytes } = this.context;
    const client = new HubClient(settings, signal);
    const urlOf = (file: HubFile) => fileUrl(settings.endpoint, id.repo, commit, file.name);
    try {
      return await work({ client, cache, urlOf, pieceBytes, onBytes: () => undefined });
    } finally {
      client.close();
    }
  }
}
