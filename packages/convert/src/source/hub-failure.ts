import type { IncomingHttpHeaders } from 'node:http';
import { type ErrorCode, NemotronError } from '@nemotron-convert/core';
import type { HubSettings } from './hub-settings.js';

/** A failure that may pass: `code` is what it becomes when it does not. */
export class Transient extends Error {
  constructor(
    message: string,
    cause?: unknown,
    readonly code: ErrorCode = 'HUB_UNREACHABLE',
    /** What the server asked to wait. */
    readonly waitMs?: number,
  ) {
    super(message, { cause });
  }
}

/**
 * What a refused request means. The Hub names the reason in X-Error-Code; a private and an absent repository look the
 * same to a stranger, and it answers 401 for both.
 */
export function refusal(
  status: number,
  headers: IncomingHttpHeaders,
  url: URL,
  settings: HubSettings,
): Error {
  const reason = String(headers['x-error-code'] ?? '');
  const said = String(headers['x-error-message'] ?? '');
  const facts = { url: url.href.split('?')[0], status, reason };
  const text = `${url.host} answered ${status}${said === '' ? '' : `: ${said}`}`;
  if (status === 429) return new Transient(text, undefined, 'HUB_RATE_LIMITED', waitOf(headers));
  if (status >= 500 || status === 408) return new Transient(text, undefined, 'HUB_ANSWER', waitOf(headers));
  if (url.origin !== settings.endpoint.origin) {
    // A storage host refuses when the signature of its address has expired; the Hub signs a new one.
    return new Transient(text, undefined, 'HUB_ANSWER');
  }
  if (reason === 'GatedRepo') {
    const [, repo] = /^\/(?:api\/models\/)?([^/]+\/[^/]+)/.exec(url.pathname) ?? [];
    const page = `${settings.endpoint.origin}/${repo ?? ''}`;
    return new NemotronError('HUB_GATED', `access to ${repo ?? url.pathname} has to be granted: ${page}`, {
      facts: { ...facts, page },
      hint: `open ${page}, accept the conditions, and set HF_TOKEN to a token of that account`,
    });
  }
  if (status === 404 || reason === 'RepoNotFound' || reason === 'RevisionNotFound') {
    return new NemotronError('HUB_NOT_FOUND', text, { facts });
  }
  if (status === 401 || status === 403) {
    const token = settings.token === undefined ? 'no token was sent' : 'a token was sent';
    return new NemotronError('HUB_AUTH', `${text} (${token})`, { facts });
  }
  return new NemotronError('HUB_ANSWER', text, { facts });
}

function waitOf(headers: IncomingHttpHeaders): number | undefined {
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.max(ms, 0) : undefined;
}

/** What a full, read-only or foreign cache directory does to a download. */
export async function onCache<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new NemotronError('HUB_NO_SPACE', `${path}: the disk is full`, { facts: { path }, cause });
    }
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR') {
      throw new NemotronError('HUB_CACHE_PERMISSION', `${path} cannot be written (${code})`, {
        facts: { path },
        cause,
      });
    }
    throw cause;
  }
}
