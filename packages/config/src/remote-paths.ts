/** Where a job's code and its directory are inside the container. */
export const REMOTE_CODE = '/nemo_run/code';
export const REMOTE_JOB = '/nemo_run';

const PWD = '${oc.env:PWD}';
const RUN_DIR = /^\$\{oc\.env:NEMO_RUN_DIR[^}]*\}/;

/** Rewrites a text of a config for the remote side; the first rule that fits wins. */
export function rewriteForRemote(text: string, workingDirectory: string): string {
  if (text.includes(PWD)) return text.replaceAll(PWD, REMOTE_CODE);
  if (RUN_DIR.test(text)) return text.replace(RUN_DIR, REMOTE_JOB);
  if (text.startsWith(workingDirectory)) {
    return `${REMOTE_CODE}/${text.slice(workingDirectory.length).replace(/^\//, '')}`;
  }
  return text;
}
