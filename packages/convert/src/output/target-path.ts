import { basename, dirname, join, resolve, sep } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';
import { readdir, realpath } from '../file-calls.js';

/**
 * Checks where the checkpoint is to go: neither inside the source nor around it, through links too. Returns the
 * absolute path, links kept.
 */
export async function checkTarget(megatronPath: string, sourceDir: string): Promise<string> {
  const target = resolve(megatronPath);
  const real = await realTarget(target);
  const source = await realpath(sourceDir).catch(() => resolve(sourceDir));
  if (isInside(real, source) || isInside(source, real)) {
    const how = real === source ? 'are the same directory' : 'lie inside each other';
    throw new NemotronError('TARGET_OVERLAP', `${target} and ${sourceDir} ${how}`, {
      facts: { target: real, source },
    });
  }
  return target;
}

/** Names of a directory's entries that an error tells. */
const SHOWN = 3;

/** Throws TARGET_EXISTS when there is anything in the target; `failure` is what that came to light by. */
export async function refuseContent(target: string, failure?: NemotronError): Promise<void> {
  try {
    const entries = await readdir(target);
    if (entries.length > 0) {
      const more = entries.length > SHOWN ? ` and ${entries.length - SHOWN} more` : '';
      const names = entries.sort().slice(0, SHOWN).join(', ');
      throw new NemotronError('TARGET_EXISTS', `${target} is not empty: it has ${names}${more}`, {
        facts: { path: target },
        ...(failure === undefined ? {} : { cause: failure }),
      });
    }
  } catch (cause) {
    if (cause instanceof NemotronError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return;
    if (code === 'ENOTDIR') {
      throw new NemotronError('TARGET_NOT_DIRECTORY', `${target} is not a directory`, {
        facts: { path: target },
        cause,
      });
    }
    throw new NemotronError('TARGET_PERMISSION', `${target} cannot be looked into`, {
      facts: { path: target },
      cause,
    });
  }
}

/** The path with links resolved, as far as it exists. */
async function realTarget(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    const parent = dirname(path);
    if (parent === path) return path;
    if ((cause as NodeJS.ErrnoException).code === 'ENOTDIR') {
      throw new NemotronError('TARGET_NOT_DIRECTORY', `a parent of ${path} is not a directory`, {
        facts: { path },
        cause,
      });
    }
    // A dangling link resolves through its directory; the link itself is refused when the target is created.
    return join(await realTarget(parent), basename(path));
  }
}

function isInside(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}
