import { binding, type SmallFile } from './binding.js';
import { settled } from './failure.js';

export interface FileHash {
  readonly bytes: number;
  readonly sha256: string;
}

/** Lengths and hashes of files, in their order. Throws SOURCE_MISSING, SOURCE_PERMISSION, READ_FAILED. */
export async function hashFiles(paths: readonly string[]): Promise<FileHash[]> {
  return JSON.parse(await settled(() => binding().hashWholeFiles([...paths]))) as FileHash[];
}

/**
 * Writes files below a root that is there, over what is there, with the directories that they lie in; they may not be on the
 * disk yet. A copy keeps the permissions, but for one by the engine for WebAssembly. Throws SOURCE_MISSING, SOURCE_PERMISSION,
 * READ_FAILED for what is copied, and DISK_FULL, TARGET_PERMISSION, WRITE_FAILED.
 */
export async function writeFiles(root: string, files: readonly SmallFile[]): Promise<void> {
  await settled(() => binding().writeSmallFiles(root, files));
}

/** Waits until files, and then the names in folders, are on the disk. Throws DISK_FULL, TARGET_PERMISSION, WRITE_FAILED. */
export async function syncPaths(files: Iterable<string>, folders: Iterable<string>): Promise<void> {
  await settled(() => binding().syncAllOf([...files], [...folders]));
}
