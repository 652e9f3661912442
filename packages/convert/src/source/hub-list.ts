import { NemotronError } from '@nemotron-convert/core';
import type { HubClient } from './hub-http.js';
import { type HubId, isCommit } from './hub-id.js';

/** A file of a repository. */
export interface HubFile {
  readonly name: string;
  readonly bytes: number;
  /** The name of its blob in the cache: SHA-256 of a large file, else the Git object id. Both are checked. */
  readonly etag: string;
}

export interface HubListing {
  /** The repository's name as the Hub has it now; another than asked for after a renaming. */
  readonly repo: string;
  readonly commit: string;
  readonly files: readonly HubFile[];
}

const ETAG = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** Resolves a revision to its commit and lists its files, in one request. */
export async function listModel(client: HubClient, id: HubId): Promise<HubListing> {
  const { endpoint } = client.settings;
  const path = `api/models/${id.repo}/revision/${encodeURIComponent(id.revision)}?blobs=true`;
  const url = new URL(path, withSlash(endpoint));
  const answer = await client.getJson(url);
  const invalid = (found: string): NemotronError =>
    new NemotronError('HUB_ANSWER', `${url.href}: ${found}`, { facts: { url: url.href } });
  if (!isRecord(answer)) throw invalid('expected an object');
  const commit = answer['sha'];
  const siblings = answer['siblings'];
  if (typeof commit !== 'string' || !isCommit(commit)) throw invalid('sha is not a commit');
  if (!Array.isArray(siblings)) throw invalid('siblings is not a list');
  const repo = typeof answer['id'] === 'string' ? answer['id'] : id.repo;
  return { repo, commit, files: siblings.map((entry) => fileOf(entry, invalid)) };
}

function fileOf(entry: unknown, invalid: (found: string) => NemotronError): HubFile {
  if (!isRecord(entry) || typeof entry['rfilename'] !== 'string') throw invalid('a file has no name');
  const name = entry['rfilename'];
  const lfs = isRecord(entry['lfs']) ? entry['lfs'] : undefined;
  const bytes = lfs?.['size'] ?? entry['size'];
  const etag = lfs?.['sha256'] ?? entry['blobId'];
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0)
    throw invalid(`${name} has no size`);
  if (typeof etag !== 'string' || !ETAG.test(etag)) throw invalid(`${name} has no hash`);
  return { name, bytes, etag };
}

/** The address of a file's bytes at a commit. */
export function fileUrl(endpoint: URL, repo: string, commit: string, name: string): URL {
  const path = name.split('/').map(encodeURIComponent).join('/');
  return new URL(`${repo}/resolve/${commit}/${path}`, withSlash(endpoint));
}

/** HF_ENDPOINT may have a path of its own, below which everything is. */
function withSlash(endpoint: URL): string {
  return endpoint.href.endsWith('/') ? endpoint.href : `${endpoint.href}/`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
