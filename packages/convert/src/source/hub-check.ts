import { NemotronError } from '@nemotron-convert/core';
import { HubClient } from './hub-http.js';
import { type EnvVariables, hubSettings } from './hub-settings.js';

const IDLE_MS = 5_000;

export interface HubCheck {
  readonly endpoint: string;
  readonly cache: string;
  readonly hasToken: boolean;
  readonly offline: boolean;
  /** Why the Hub cannot be reached; null when it answered, or when it was not asked since the settings say offline. */
  readonly failure: string | null;
}

/** Asks the Hub for something small, once. */
export async function checkHub(env: EnvVariables): Promise<HubCheck> {
  const settings = await hubSettings(env, { attempts: 1, pauseMs: 0, idleMs: IDLE_MS });
  const { endpoint, cache, token, offline } = settings;
  const told = { endpoint: endpoint.href, cache, hasToken: token !== undefined, offline };
  if (offline) return { ...told, failure: null };
  const client = new HubClient(settings, AbortSignal.timeout(2 * IDLE_MS));
  try {
    const { body } = await client.get(new URL('/api/models?limit=1', endpoint));
    body.destroy();
    return { ...told, failure: null };
  } catch (error) {
    if (error instanceof NemotronError) return { ...told, failure: `${error.message}; ${error.hint}` };
    return { ...told, failure: error instanceof Error ? error.message : String(error) };
  } finally {
    client.close();
  }
}
