import { mkdir, statfs } from 'node:fs/promises';
import { formatBytes, NemotronError, type OnProgress } from '@nemotron-convert/core';
import { readIndex, weightFiles } from './files.js';
import { ModelCache } from './hub-cache.js';
import { downloadBlobs } from './hub-download.js';
import { onCache } from './hub-failure.js';
import { HubClient } from './hub-http.js';
import type { HubId } from './hub-id.js';
import { fileUrl, type HubFile, listModel } from './hub-list.js';
import { PartialBlob } from './hub-partial.js';
import type { HubSettings } from './hub-settings.js';
import { HubWeights } from './hub-weights.js';
import { isSideFile } from './side-files.js';
import { isTokenizerFile } from './tokenizer-files.js';

export interface HubContext {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with a snapshot that has everything but the weights. */
  readonly beforeWeights?: (dir: string) => Promise<void>;
  readonly pieceBytes?: number;
  /** Only what describes the model is wanted, and all of that; a cached snapshot need not have the weights. */
  readonly described?: boolean;
}

export interface Snapshot {
  /** A directory with everything that a conversion reads, but for weights that are still to come. */
  readonly dir: string;
  readonly commit: string;
  /** The weights, where the Hub was reached; otherwise all of them are in the directory. */
  readonly weights?: HubWeights;
}

const DESCRIPTIONS = [
  'adapter_config.json',
  'config.json',
  'generation_config.json',
  'model.safetensors.index.json',
];

/**
 * Brings a model from the Hub into the cache, but for the weights: only what a conversion reads, only what is not there
 * yet. Offline, and when the Hub cannot be reached, what an earlier run or Python left in the cache serves. Throws the
 * HUB_ errors, SOURCE_SHARD_MISSING and SOURCE_INDEX_INVALID.
 */
export async function resolveHub(
  id: HubId,
  settings: HubSettings,
  context: HubContext = {},
): Promise<Snapshot> {
  const cache = new ModelCache(settings.cache, id.repo);
  const { described = false } = context;
  if (settings.offline) return cached(id, cache, 'HF_HUB_OFFLINE is set', described);
  const client = new HubClient(settings, context.signal);
  try {
    return await describe(id, cache, client, context);
  } catch (error) {
    if (!(error instanceof NemotronError) || error.code !== 'HUB_UNREACHABLE') throw error;
    const snapshot = await cached(id, cache, error.message, described).catch(() => undefined);
    if (snapshot === undefined) throw error;
    context.onProgress?.({
      kind: 'note',
      message: `${error.message}; using commit ${snapshot.commit} of ${id.repo} from the cache`,
    });
    return snapshot;
  } finally {
    client.close();
  }
}

async function describe(
  id: HubId,
  cache: ModelCache,
  client: HubClient,
  context: HubContext,
): Promise<Snapshot> {
  const listing = await listModel(client, id);
  const { commit } = listing;
  if (listing.repo !== id.repo) {
    context.onProgress?.({ kind: 'note', message: `${id.repo} is called ${listing.repo} now` });
  }
  const dir = cache.snapshot(commit);
  await onCache(cache.dir, () => cache.writeRef(id.revision, commit));

  const isSmall = ({ name }: HubFile) =>
    DESCRIPTIONS.includes(name) ||
    isTokenizerFile(name) ||
    (context.described === true && isSideFile(name) && !name.includes('/'));
  await bring(listing.files.filter(isSmall), id, commit, cache, client, context);
  await context.beforeWeights?.(dir);
  const names = new Set(listing.files.map(({ name }) => name).filter((name) => !name.includes('/')));
  const weights = new Set(weightFiles(dir, names, await readIndex(dir, names)));
  const files = listing.files
    .filter(({ name }) => weights.has(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const { onProgress, pieceBytes } = context;
  const { settings } = client;
  return {
    dir,
    commit,
    weights: new HubWeights(files, { id, commit, cache, settings, onProgress, pieceBytes }),
  };
}

/** Downloads the files whose blobs are missing, then links all of them into the snapshot. */
async function bring(
  files: readonly HubFile[],
  id: HubId,
  commit: string,
  cache: ModelCache,
  client: HubClient,
  { pieceBytes }: HubContext,
): Promise<void> {
  const absent: HubFile[] = [];
  for (const file of files) {
    if (!(await cache.hasFile(commit, file)) && !(await cache.hasBlob(file))) absent.push(file);
  }
  await onCache(cache.dir, async () => {
    await mkdir(cache.blobs, { recursive: true });
    await requireSpace(absent, cache);
    const { endpoint } = client.settings;
    await downloadBlobs(absent, {
      client,
      cache,
      pieceBytes,
      urlOf: (file) => fileUrl(endpoint, id.repo, commit, file.name),
      onBytes: () => undefined,
    });
    for (const file of files) if (!(await cache.hasFile(commit, file))) await cache.link(commit, file);
  });
}

/** The cache's disk must have room for what is to come. Throws HUB_NO_SPACE. */
async function requireSpace(files: readonly HubFile[], cache: ModelCache): Promise<void> {
  let needed = 0;
  for (const file of files) needed += file.bytes - (await new PartialBlob(cache.blobs, file).allocated());
  const { bavail, bsize } = await statfs(cache.blobs);
  const free = bavail * bsize;
  if (needed <= free) return;
  throw new NemotronError(
    'HUB_NO_SPACE',
    `${cache.dir} needs ${formatBytes(needed)} more, its disk has ${formatBytes(free)}: ${formatBytes(needed - free)} too little`,
    { facts: { path: cache.dir, needed, free } },
  );
}

/** A snapshot that is complete as far as its own index tells. Throws HUB_OFFLINE. */
async function cached(id: HubId, cache: ModelCache, why: string, described: boolean): Promise<Snapshot> {
  const commit = await cache.commitOf(id);
  const dir = commit === undefined ? undefined : cache.snapshot(commit);
  const names = dir === undefined ? undefined : await cache.names(dir);
  if (commit !== undefined && dir !== undefined && names?.has('config.json') === true) {
    if (described) return { dir, commit };
    const index = await readIndex(dir, names);
    const isComplete = [...(index?.values() ?? [])].every((file) => names.has(file));
    const hasWeights = [...names].some((name) => name.endsWith('.safetensors'));
    if (isComplete && hasWeights) return { dir, commit };
  }
  const found = names === undefined ? 'is not' : 'is only in part';
  throw new NemotronError('HUB_OFFLINE', `${id.repo}@${id.revision} ${found} in ${cache.dir}, and ${why}`, {
    facts: { repo: id.repo, revision: id.revision, path: cache.dir },
  });
}
