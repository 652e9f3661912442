import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';

export type EnvVariables = Readonly<Record<string, string | undefined>>;

/** How requests are repeated: `attempts` in all, the n-th pause is about `pauseMs` * 2^n. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly pauseMs: number;
  /** A silent connection is given up after this. */
  readonly idleMs: number;
}

export interface HubSettings {
  readonly endpoint: URL;
  /** The directory of `models--org--name`. */
  readonly cache: string;
  readonly token: string | undefined;
  readonly offline: boolean;
  readonly env: EnvVariables;
  readonly retry: RetryPolicy;
}

const RETRY: RetryPolicy = { attempts: 6, pauseMs: 1000, idleMs: 30_000 };
const TRUE = ['1', 'ON', 'YES', 'TRUE'];

/** Reads the variables that Python's huggingface_hub reads, in its order. */
export async function hubSettings(env: EnvVariables, retry: RetryPolicy = RETRY): Promise<HubSettings> {
  const home = env['HOME'] || homedir();
  const path = (text: string): string => resolve(text.replace(/^~(?=\/|$)/, home));
  const first = (...names: string[]): string | undefined =>
    names.map((name) => env[name]).find((value) => value !== undefined && value !== '');
  const isTrue = (name: string): boolean => TRUE.includes((env[name] ?? '').toUpperCase());

  const xdg = first('XDG_CACHE_HOME') ?? join(home, '.cache');
  const hfHome = path(first('HF_HOME') ?? join(xdg, 'huggingface'));
  return {
    endpoint: endpointOf(first('HF_ENDPOINT') ?? 'https://huggingface.co'),
    cache: path(first('HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE') ?? join(hfHome, 'hub')),
    token:
      tokenIn(first('HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN')) ??
      (await tokenFile(path(first('HF_TOKEN_PATH') ?? join(hfHome, 'token')))),
    offline: isTrue('HF_HUB_OFFLINE') || isTrue('TRANSFORMERS_OFFLINE'),
    env,
    retry,
  };
}

function endpointOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url;
  throw new NemotronError('HUB_UNREACHABLE', `HF_ENDPOINT=${text} is not an http(s) address`, {
    facts: { endpoint: text },
  });
}

function tokenIn(text: string | undefined): string | undefined {
  return text?.replaceAll(/[\r\n]/g, '').trim() || undefined;
}

async function tokenFile(path: string): Promise<string | undefined> {
  try {
    return tokenIn(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}
