import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import type { FileInfo, Files, OpenFile, OpenMode } from './files.js';

/** The files of this machine. */
export const NODE_FILES: Files = {
  open: (path, mode) => openFile(systemPath(path), mode),
  info: (path) => infoOf(statSync(systemPath(path), { bigint: true })),
  createDirectory: (path) => {
    mkdirSync(systemPath(path));
  },
  rename: (from, to) => renameSync(systemPath(from), systemPath(to)),
  remove: (path) => unlinkSync(systemPath(path)),
};

/** Windows' paths begin with a drive. */
function systemPath(path: string): string {
  return process.platform === 'win32' ? path : `/${path}`;
}

function openFile(path: string, mode: OpenMode): OpenFile {
  const fd = openSync(path, flagsOf(mode), 0o666);
  return {
    info: () => infoOf(fstatSync(fd, { bigint: true })),
    read: (buffer, position) => readSync(fd, buffer, 0, buffer.length, position),
    write: (bytes, position) => writeSync(fd, bytes, 0, bytes.length, mode.append ? null : position),
    setLength: (bytes) => ftruncateSync(fd, bytes),
    sync: () => fsyncSync(fd),
    close: () => closeSync(fd),
  };
}

function flagsOf({ read, write, create, exclusive, truncate, append }: OpenMode): number {
  const access = write || append ? (read ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY;
  return (
    access |
    (create ? constants.O_CREAT : 0) |
    (exclusive ? constants.O_EXCL : 0) |
    (truncate ? constants.O_TRUNC : 0) |
    (append ? constants.O_APPEND : 0)
  );
}

function infoOf(stats: BigIntStats): FileInfo {
  return {
    kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other',
    bytes: Number(stats.size),
    modified: stats.mtimeNs,
  };
}
