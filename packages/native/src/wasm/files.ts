/** How a file is opened. */
export interface OpenMode {
  readonly read: boolean;
  readonly write: boolean;
  readonly create: boolean;
  readonly exclusive: boolean;
  readonly truncate: boolean;
  readonly append: boolean;
}

export interface FileInfo {
  readonly kind: 'file' | 'directory' | 'other';
  readonly bytes: number;
  /** Time of the last change, in nanoseconds. */
  readonly modified: bigint;
}

/**
 * The files that the engine sees; every call blocks. Paths have no leading slash. What fails throws an error whose `code`
 * is one of Node.js: ENOENT, EACCES and so on.
 */
export interface Files {
  open(path: string, mode: OpenMode): OpenFile;
  info(path: string): FileInfo;
  createDirectory(path: string): void;
  rename(from: string, to: string): void;
  remove(path: string): void;
}

export interface OpenFile {
  info(): FileInfo;
  /** Bytes read into the buffer; fewer than it has room for only at the end of the file. */
  read(buffer: Uint8Array, position: number): number;
  /** Bytes written; at the end of a file that was opened to be appended to. */
  write(bytes: Uint8Array, position: number): number;
  setLength(bytes: number): void;
  /** Waits until what was written is on the disk. */
  sync(): void;
  close(): void;
}

/** A failure as `Files` throws it. */
export function fileFailure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
