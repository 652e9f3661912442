import { dirname } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';
import { canCloneInto, type ExecuteOptions } from '@nemotron-convert/native';
import { stat } from '../file-calls.js';
import type { ZeroCopy } from '../options.js';
import type { Source } from '../source/open.js';

/**
 * How a conversion takes over what does not change. Cloning is probed, on the disk that the target will be on; it is part
 * of the plan, since payloads are placed for it. Throws OPTION_INVALID when cloning was asked for and cannot be.
 */
export async function chooseZeroCopy(
  asked: ZeroCopy,
  source: Source,
  targetPath: string,
): Promise<NonNullable<ExecuteOptions['zeroCopy']>> {
  if (asked === 'off' || asked === 'copy_file_range') return asked;
  // The files of a model on the Hub come and go, and its plan must not change with them.
  if (asked === 'auto' && source.hub !== undefined) return 'off';
  const folder = await existing(dirname(targetPath));
  const paths = source.files.map(({ path }) => path);
  if (canCloneInto(paths, folder)) return 'clone';
  if (asked === 'auto') return 'off';
  throw new NemotronError(
    'OPTION_INVALID',
    `zero_copy=clone: ${folder} cannot share blocks with ${source.dir}`,
    {
      facts: { option: 'zero_copy', found: asked, source: source.dir, target: folder },
      hint: 'put both on one filesystem with reflinks (XFS or Btrfs), or use zero_copy=auto',
    },
  );
}

/** The directory itself, or the nearest around it that is there. */
async function existing(dir: string): Promise<string> {
  const parent = dirname(dir);
  if (parent === dir || (await stat(dir).catch(() => null)) !== null) return dir;
  return existing(parent);
}
