import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';
import { realpath } from '../file-calls.js';

/** A target with links resolved: a link to a directory is replaced where that directory is. */
export async function placeOf(target: string): Promise<string> {
  return realpath(target).catch(() => target);
}

/**
 * Removes an empty directory that stands where the checkpoint is to go. What cannot be removed cannot be replaced at
 * the end either, as the mount point of a container's volume; better to say so now.
 */
export async function makeRoom(place: string): Promise<void> {
  try {
    await rmdir(place);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    if (code !== 'EBUSY') throw cause;
    const inside = join(place, 'megatron');
    throw new NemotronError(
      'TARGET_MOUNT',
      `${place} is a mount point: no finished directory can take its place`,
      {
        facts: { path: place },
        hint: `choose a directory inside it, such as megatron_path=${inside}`,
        cause,
      },
    );
  }
}
