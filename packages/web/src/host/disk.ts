import { type FileInfo, type Files, fileFailure } from '@nemotron-convert/native/wasm';

/** A file that was dropped, at its path below the dropped folder's parent: `llama/config.json`. */
export interface Dropped {
  readonly path: string;
  readonly file: File;
}

export interface Stored {
  readonly kind: 'file' | 'directory';
  readonly bytes: number;
  readonly modified: number;
}

interface FileReaderSync {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}
/** Of workers; TypeScript has it only without the DOM. */
declare const FileReaderSync: new () => FileReaderSync;

let files = new Map<string, File>();
let folders = new Map<string, Set<string>>();
let bytesRead = 0;

/** Makes the dropped files the disk. */
export function mount(dropped: readonly Dropped[]): void {
  bytesRead = 0;
  files = new Map();
  folders = new Map([['', new Set()]]);
  for (const { path, file } of dropped) {
    const parts = path.split('/').filter((part) => part !== '');
    files.set(parts.join('/'), file);
    for (let depth = 0; depth < parts.length; depth += 1) {
      const folder = parts.slice(0, depth).join('/');
      const names = folders.get(folder) ?? new Set();
      folders.set(folder, names.add(parts[depth] ?? ''));
    }
  }
}

/** Bytes that were read of the mounted files. */
export function readSoFar(): number {
  return bytesRead;
}

export function look(path: string): Stored {
  const place = inner(path);
  const file = files.get(place);
  if (file !== undefined) return { kind: 'file', bytes: file.size, modified: file.lastModified };
  if (folders.has(place)) return { kind: 'directory', bytes: 0, modified: 0 };
  throw fileFailure('ENOENT', path);
}

export function namesIn(path: string): string[] {
  if (look(path).kind === 'file') throw fileFailure('ENOTDIR', path);
  return [...(folders.get(inner(path)) ?? [])];
}

export function readAt(path: string, begin: number, end: number): Uint8Array<ArrayBuffer> {
  const file = files.get(inner(path));
  if (file === undefined) throw fileFailure(folders.has(inner(path)) ? 'EISDIR' : 'ENOENT', path);
  const bytes = new Uint8Array(new FileReaderSync().readAsArrayBuffer(file.slice(begin, end)));
  bytesRead += bytes.length;
  return bytes;
}

/** The disk as the engine sees it: nothing can be written. */
export const DROPPED: Files = {
  info: (path) => infoOf(look(path)),
  createDirectory: (path) => {
    throw fileFailure('EROFS', path);
  },
  rename: (path) => {
    throw fileFailure('EROFS', path);
  },
  remove: (path) => {
    throw fileFailure('EROFS', path);
  },
  open: (path, { write }) => {
    if (write) throw fileFailure('EROFS', path);
    const refuse = (): never => {
      throw fileFailure('EROFS', path);
    };
    const stored = look(path);
    return {
      info: () => infoOf(stored),
      read: (buffer, position) => {
        const bytes = readAt(path, position, position + buffer.length);
        buffer.set(bytes);
        return bytes.length;
      },
      write: refuse,
      setLength: refuse,
      sync: () => undefined,
      close: () => undefined,
    };
  },
};

function infoOf({ kind, bytes, modified }: Stored): FileInfo {
  return { kind, bytes, modified: BigInt(modified) * 1_000_000n };
}

function inner(path: string): string {
  return path.replace(/^\/+|\/+$/g, '');
}
