import type { ConfigValue } from './tree.js';

/** Where a job's code and its directory are inside the container. */
export const REMOTE_CODE = '/nemo_run/code';
export const REMOTE_JOB = '/nemo_run';

// biome-ignore lint/suspicious/noTemplateCurlyInString: the text of an interpolation
const PWD = '${oc.env:PWD}';
const RUN_DIR = /^\$\{oc\.env:NEMO_RUN_DIR[^}]*\}/;

/** Rewrites the texts of a config for the remote side; the first rule that fits wins. Keys are left alone. */
export function rewriteForRemote(value: ConfigValue, workingDirectory: string): ConfigValue {
  if (Array.isArray(value)) return value.map((item) => rewriteForRemote(item, workingDirectory));
  if (value instanceof Map) {
    return new Map([...value].map(([key, item]) => [key, rewriteForRemote(item, workingDirectory)]));
  }
  if (typeof value !== 'string') return value;
  if (value.includes(PWD)) return value.replaceAll(PWD, REMOTE_CODE);
  if (RUN_DIR.test(value)) return value.replace(RUN_DIR, REMOTE_JOB);
  if (value.startsWith(workingDirectory)) {
    return `${REMOTE_CODE}/${value.slice(workingDirectory.length).replace(/^\//, '')}`;
  }
  return value;
}
