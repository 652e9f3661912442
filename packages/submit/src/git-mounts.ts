import type { GitMount } from './job.js';
import { quote } from './quote.js';

const COMMIT = /^[0-9a-f]{40}$/;

/** How a pod gets the repositories with a target: a shallow clone, or one commit, else what the image has there. */
export function podCloneCommands(mounts: readonly GitMount[]): string[] {
  return mounts.flatMap(({ name, url, ref, target }) => {
    if (!target) return [];
    const to = quote(target);
    if (!COMMIT.test(ref)) {
      return [`rm -rf ${to} && git clone --depth 1 -b ${quote(ref)} ${quote(url)} ${to}`];
    }
    const at = `/tmp/_git_${name}`;
    const steps = [
      `git init ${quote(at)}`,
      `git -C ${quote(at)} remote add origin ${quote(url)}`,
      `git -C ${quote(at)} fetch --depth 1 origin ${ref}`,
      `git -C ${quote(at)} checkout FETCH_HEAD`,
      `rm -rf ${to}`,
      `mv ${quote(at)} ${to}`,
    ];
    const warning = `[auto_mount] WARNING: Could not fetch ${ref.slice(0, 12)}, using container built-in ${target}`;
    // Always in quotes, as the recorded command has it.
    return [`(${steps.join(' && ')}) || echo '${warning.replaceAll("'", '')}'`];
  });
}

/** Where a login node keeps a repository. */
export function cachedClone(root: string, mount: GitMount): string {
  return `${root}/git-cache/${mount.name}`;
}
