import type { Dropped } from './host/disk.js';

/** The files of a folder that was picked. */
export function picked(files: FileList): Dropped[] {
  return [...files].map((file) => ({ path: file.webkitRelativePath || `files/${file.name}`, file }));
}

/** The files of what was dropped, of folders with all that is in them. */
export async function dropped(transfer: DataTransfer): Promise<Dropped[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry());
  const found = await Promise.all(entries.filter((entry) => entry !== null).map(filesOf));
  return found.flat();
}

async function filesOf(entry: FileSystemEntry): Promise<Dropped[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => {
      (entry as FileSystemFileEntry).file(resolve, reject);
    });
    const path = entry.fullPath.slice(1);
    return [{ path: path.includes('/') ? path : `files/${path}`, file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const inner: FileSystemEntry[] = [];
  for (;;) {
    // A reader gives at most a hundred entries at a time.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (some.length === 0) break;
    inner.push(...some);
  }
  return (await Promise.all(inner.map(filesOf))).flat();
}
