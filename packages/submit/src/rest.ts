import { setTimeout as sleep } from 'node:timers/promises';
import { NemotronError } from '@nemotron-convert/core';
import type { Context } from './job.js';

const ATTEMPTS = 5;
const PAUSE_MS = 1000;
const TIMEOUT_MS = 60_000;
const MAX_WAIT_MS = 5 * 60 * 1000;
/** Failures in which no request reached the service. */
const UNSENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'];

export interface RestRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** A request that makes something is repeated only when it cannot have arrived. */
  readonly creates?: boolean;
  readonly token?: string | undefined;
}

export interface RestAnswer {
  readonly status: number;
  readonly text: string;
  /** The parsed body, or undefined when it is not JSON. */
  readonly json: unknown;
}

/**
 * One request to a service, repeated with growing pauses while it fails in a way that may pass (connection, 429, 5xx).
 * Answers of 4xx are returned. Throws REMOTE_UNREACHABLE, REMOTE_ANSWER.
 */
export async function rest(base: string, request: RestRequest, context: Context): Promise<RestAnswer> {
  const url = `${base.replace(/\/+$/, '')}${request.path}`;
  const pause = context.retryMs ?? PAUSE_MS;
  for (let attempt = 1; ; attempt++) {
    const isLast = attempt === ATTEMPTS;
    let wait = pause * 2 ** (attempt - 1);
    try {
      const answer = await send(url, request, context);
      const { status } = answer;
      const mayPass = status === 429 || (status >= 500 && (request.creates !== true || status === 503));
      if (!mayPass) return checked(answer, url);
      if (isLast) throw unusable(answer, url);
      wait = answer.waitMs ?? wait;
    } catch (error) {
      if (error instanceof NemotronError || context.signal?.aborted) throw error;
      const cause = (error as { cause?: { code?: string } }).cause;
      const wasUnsent = UNSENT.includes(cause?.code ?? '');
      if (isLast || (request.creates === true && !wasUnsent)) throw unreachable(url, error, request);
    }
    await sleep(
      Math.min(wait, MAX_WAIT_MS),
      undefined,
      context.signal === undefined ? {} : { signal: context.signal },
    );
  }
}

async function send(url: string, { method, body, token }: RestRequest, { signal }: Context) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(url, {
    method,
    // A redirect would carry the token to another place.
    redirect: 'manual',
    headers: {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
  });
  const text = await response.text();
  const after = response.headers.get('retry-after') ?? '';
  return {
    status: response.status,
    text,
    json: jsonIn(text),
    waitMs: /^\d+$/.test(after) ? Number(after) * 1000 : undefined,
  };
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function checked(answer: RestAnswer, url: string): RestAnswer {
  if (answer.status < 300 || (answer.status >= 400 && answer.status < 500)) return answer;
  throw unusable(answer, url);
}

function unusable({ status, text }: RestAnswer, url: string): NemotronError {
  return new NemotronError('REMOTE_ANSWER', `${url} answered ${status}: ${excerpt(text)}`, {
    facts: { url, status },
  });
}

function unreachable(url: string, error: unknown, request: RestRequest): NemotronError {
  const cause = (error as { cause?: Error }).cause ?? (error as Error);
  const unsure = request.creates === true ? '; the request may have arrived' : '';
  return new NemotronError('REMOTE_UNREACHABLE', `${new URL(url).host}: ${cause.message}${unsure}`, {
    facts: { url },
    cause: error,
  });
}

export function excerpt(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

/** A member of parsed JSON, by a path of keys. */
export function member(value: unknown, ...path: string[]): unknown {
  let at = value;
  for (const key of path)
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined;
  return at;
}

export function textAt(value: unknown, ...path: string[]): string | undefined {
  const found = member(value, ...path);
  return typeof found === 'string' ? found : undefined;
}
