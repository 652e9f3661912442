/** A model on the Hub: `org/name`, or `org/name@revision` with a branch, a tag, a commit or `refs/pr/1`. */
export interface HubId {
  readonly repo: string;
  readonly revision: string;
}

const PART = /^[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?$/;
const COMMIT = /^[0-9a-f]{40}$/;

/** Reads an id; undefined when the text cannot be one, so that it is a path. */
export function parseHubId(text: string): HubId | undefined {
  const at = text.indexOf('@');
  const repo = at < 0 ? text : text.slice(0, at);
  const revision = at < 0 ? 'main' : text.slice(at + 1);
  const [org, name, ...rest] = repo.split('/');
  if (org === undefined || name === undefined || rest.length > 0) return undefined;
  const isName = (part: string) => PART.test(part) && !part.includes('--') && !part.includes('..');
  return isName(org) && isName(name) && isRevision(revision) ? { repo, revision } : undefined;
}

/** A revision also names a file below refs/, so nothing in it may lead elsewhere. */
function isRevision(text: string): boolean {
  return text
    .split('/')
    .every((part) => /^[^\0-\x20\x7f\\~^:?*[]+$/.test(part) && part !== '.' && part !== '..');
}

export function isCommit(text: string): boolean {
  return COMMIT.test(text);
}
