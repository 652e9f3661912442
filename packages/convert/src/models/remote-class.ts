import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * The dotted path under which transformers 5 imports a class that a repository brings along: `reference` is its entry in
 * `auto_map`, `dir` the checkpoint, `modelId` the name that the user gave. A directory is told apart by a digest of the
 * module and of what it imports relatively, a model of the Hub by its commit.
 */
export function remoteClassPath(reference: string, dir: string, modelId: string): string {
  const own = reference.slice(reference.indexOf('--') + 1).replace(/^-/, '');
  const dot = own.lastIndexOf('.');
  const [module, name] = [own.slice(0, dot), own.slice(dot + 1)];
  const hub = basename(dirname(dir)) === 'snapshots';
  const place = hub
    ? [...modelId.split('/').map(moduleName), basename(dir)]
    : [moduleName(basename(dir)), digest(dir, `${module}.py`)];
  return ['transformers_modules', ...place, module, name].join('.');
}

/** A name as a Python module's. */
function moduleName(name: string): string {
  const safe = name.replaceAll('.', '_dot_').replaceAll('-', '_hyphen_');
  return /^\d/.test(safe) ? `_${safe}` : safe;
}

function digest(dir: string, file: string): string {
  const files = new Set<string>();
  const visit = (name: string): void => {
    if (files.has(name) || !existsSync(join(dir, name))) return;
    files.add(name);
    const text = readFileSync(join(dir, name), 'utf8');
    for (const [, one] of text.matchAll(/^\s*(?:import\s+\.|from\s+\.)(\S+)(?:\s+import\b|\s*$)/gm)) {
      if (one !== undefined) visit(`${one}.py`);
    }
  };
  visit(file);
  const hash = createHash('sha256');
  for (const name of [...files].sort()) hash.update(name).update(readFileSync(join(dir, name)));
  return hash.digest('hex').slice(0, 16);
}
