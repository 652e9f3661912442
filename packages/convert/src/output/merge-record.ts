import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { VERSION } from '../version.js';

const FILE = 'merge.json';
const SCHEMA = 1;

/** What a merged Megatron checkpoint was made of. Two runs of the same merge differ in `volatile` only. */
export interface MergeRecord {
  readonly schema: number;
  readonly tool: { readonly name: string; readonly version: string };
  readonly planDigest: string;
  /** The iteration directories. */
  readonly base: string;
  readonly adapter: string;
  readonly alpha: number;
  /** Keys of the tensors that the adapter changed. */
  readonly changed: readonly string[];
  readonly volatile: { readonly finished: string; readonly host: string };
}

export const MERGE_RECORD_FILE = FILE;

/** The text of merge.json. */
export function mergeRecord(
  made: Pick<MergeRecord, 'planDigest' | 'base' | 'adapter' | 'alpha' | 'changed'>,
): string {
  const record: MergeRecord = {
    schema: SCHEMA,
    tool: { name: 'nemotron-convert', version: VERSION },
    ...made,
    volatile: { finished: new Date().toISOString(), host: hostname() },
  };
  return `${JSON.stringify(record, null, 2)}\n`;
}

/** Whether a directory is the checkpoint of this very merge: what follows it can go on from there. */
export async function isMerged(target: string, digest: string): Promise<boolean> {
  try {
    return (JSON.parse(await readFile(join(target, FILE), 'utf8')) as MergeRecord).planDigest === digest;
  } catch {
    return false;
  }
}
