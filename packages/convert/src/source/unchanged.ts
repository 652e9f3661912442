import { NemotronError } from '@nemotron-convert/core';
import { stat } from '../file-calls.js';
import type { Source } from './open.js';

/**
 * Throws SOURCE_CHANGED when a weight file is not the one any more whose header the plan was made of. The engine looks
 * at the files that it holds open; this looks at what their names mean now.
 */
export async function requireUnchanged(source: Pick<Source, 'files'>): Promise<void> {
  for (const { path, bytes, version } of source.files) {
    const found = await stat(path).catch(() => null);
    // A file from the Hub has the name of its content.
    if (found?.size === bytes && (typeof version === 'string' || found.mtimeMs === version)) continue;
    throw new NemotronError(
      'SOURCE_CHANGED',
      `${path} was ${found === null ? 'removed' : 'replaced'} meanwhile`,
      {
        facts: {
          path,
          expected: { bytes, version },
          found: found && { bytes: found.size, modifiedMs: found.mtimeMs },
        },
      },
    );
  }
}
