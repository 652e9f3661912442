import { formatBytes, NemotronError } from '@nemotron-convert/core';
import { stat, statfs } from '../file-calls.js';
import type { Staging } from '../output/staging.js';
import type { HubFile } from '../source/hub-list.js';
import type { HubWeights } from '../source/hub-weights.js';
import { windowBytes } from './fetching.js';

/**
 * Checks that the disks have room for the checkpoint and for what has still to be downloaded, which may be one disk.
 * `bytes`: what the checkpoint still takes. Throws TARGET_NO_SPACE, HUB_NO_SPACE.
 */
export async function requireSpace(
  staging: Staging,
  bytes: number,
  download: Download | undefined,
): Promise<void> {
  await staging.requireSpace(bytes);
  if (download === undefined) return;
  const { weights } = download;
  const isOneDisk = (await stat(weights.dir)).dev === (await stat(staging.work)).dev;
  await requireDownloadSpace(download, isOneDisk ? bytes : 0);
}

/** What is wanted of a model on the Hub. */
export interface Download {
  readonly weights: HubWeights;
  readonly files: readonly HubFile[];
  readonly keepSource: boolean;
}

/** Checks that the cache's disk has room for a download and for `target` bytes besides. Throws HUB_NO_SPACE. */
export async function requireDownloadSpace(
  { weights, files, keepSource }: Download,
  target: number,
): Promise<void> {
  const absent = new Set(await weights.absent());
  const missing = await weights.missingBytes(files.filter((file) => absent.has(file)));
  const least = Math.min(missing, windowBytes(files));
  const download = keepSource ? missing : least;
  const { bavail, bsize } = await statfs(weights.dir);
  const free = bavail * bsize;
  const needed = download + target;
  if (download === 0 || needed <= free) return;
  const both = target === 0 ? '' : ` and the checkpoint ${formatBytes(target)}`;
  throw new NemotronError(
    'HUB_NO_SPACE',
    `${weights.dir}: the download needs ${formatBytes(download)}${both}, and the disk has ${formatBytes(free)} free: ${formatBytes(needed - free)} too little`,
    {
      facts: { path: weights.dir, download, target, free, deficit: needed - free },
      ...(keepSource && least + target <= free
        ? { hint: 'keep_source=false removes weights once they are converted, and would fit this disk' }
        : {}),
    },
  );
}
