import { resolve } from 'node:path';
import { NemotronError, type OnProgress } from '@nemotron-convert/core';
import { stat } from '../file-calls.js';
import type { Family } from '../models/family.js';
import { resolveHub } from './hub.js';
import { parseHubId } from './hub-id.js';
import { type EnvVariables, hubSettings } from './hub-settings.js';
import type { HubWeights } from './hub-weights.js';

export interface SourceContext {
  /** The variables that say where the Hub, its cache and its token are; none are read from the process. */
  readonly env?: EnvVariables;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  /** Tables of families beyond the built-in ones, which they win over. */
  readonly families?: readonly Family[];
}

/** Which model of the Hub a directory is a snapshot of. */
export interface HubOrigin {
  readonly repo: string;
  readonly revision: string;
  readonly commit: string;
}

export interface Located {
  readonly dir: string;
  readonly hub?: HubOrigin;
  /** Weights that may still have to be brought. */
  readonly weights?: HubWeights;
}

/**
 * The directory of a source: a local one where there is one of that name, else a snapshot of `org/name[@revision]` in
 * the Hugging Face cache. A local directory opens no socket.
 * `beforeWeights` sees a snapshot that lacks only the weights: what it refuses costs no request for them. `described`
 * says that weights are not going to be read.
 */
export async function locateSource(
  hfModelId: string,
  context: SourceContext,
  beforeWeights: (dir: string) => Promise<void>,
  described = false,
): Promise<Located> {
  const dir = resolve(hfModelId);
  const id = parseHubId(hfModelId);
  if (id === undefined || (await stat(dir).catch(() => undefined))?.isDirectory() === true) return { dir };
  const settings = await hubSettings(context.env ?? {});
  try {
    const {
      dir: snapshot,
      commit,
      weights,
    } = await resolveHub(id, settings, {
      onProgress: context.onProgress,
      signal: context.signal,
      beforeWeights,
      described,
    });
    const hub = { ...id, commit };
    return weights === undefined ? { dir: snapshot, hub } : { dir: snapshot, hub, weights };
  } catch (error) {
    if (!(error instanceof NemotronError) || error.code !== 'HUB_NOT_FOUND') throw error;
    throw new NemotronError(
      'HUB_NOT_FOUND',
      `${hfModelId} is no directory here, and on the Hub: ${error.message}`,
      {
        facts: { ...error.facts, path: dir },
        cause: error,
      },
    );
  }
}
