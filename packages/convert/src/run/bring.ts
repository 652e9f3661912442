import type { Source } from '../source/open.js';
import { requireDownloadSpace } from './space.js';

/** Brings all weights of a source that are not there yet. Throws the HUB_ errors. */
export async function bringWeights({ weights }: Source, signal?: AbortSignal): Promise<void> {
  if (weights === undefined) return;
  await requireDownloadSpace({ weights, files: weights.files, keepSource: true }, 0);
  await weights.fetch(await weights.absent(), { signal });
}
