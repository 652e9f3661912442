import { pythonText } from './python.js';
import type { ConfigMap, ConfigValue } from './tree.js';

const WHOLE = /^\$\{run\.([^}]+)\}$/;
const INSIDE = /\$\{run\.([^}]+)\}/g;

/**
 * Fills `${run.x.y}` from the run section: alone it gives the value, inside text its Python text (null is empty). What
 * the section lacks stays as written; results are not looked at again.
 */
export function fillRunValues(text: string, run: ConfigMap): ConfigValue {
  const [, path] = WHOLE.exec(text) ?? [];
  if (path !== undefined) {
    const found = at(run, path);
    return found === undefined ? text : found;
  }
  return text.replaceAll(INSIDE, (written, inner: string) => {
    const found = at(run, inner);
    if (found === undefined) return written;
    return found === null ? '' : pythonText(found);
  });
}

function at(run: ConfigMap, path: string): ConfigValue | undefined {
  let found: ConfigValue | undefined = run;
  for (const key of path.split('.')) {
    if (!(found instanceof Map)) return undefined;
    found = found.get(key);
    if (found === undefined) return undefined;
  }
  return found;
}

/** Whether a text of the run section names an artifact: the word Artifact, or NAME:VERSION that is no image. */
export function isArtifactReference(text: string): boolean {
  if (text.includes('/') || text.includes('nvcr') || text.includes('docker')) return false;
  if (text.includes('Artifact')) return true;
  const colon = text.lastIndexOf(':');
  if (colon === -1 || text.slice(0, colon).includes('.')) return false;
  const version = text.slice(colon + 1);
  return version.startsWith('v') || version === 'latest' || /^\p{Nd}+$/u.test(version);
}
