import { BADF, EINVAL, errnoOf } from './errno.js';
import type { FileInfo, Files, OpenFile } from './files.js';

/** Numbers of WASI's preview 1, https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md. */
const ROOT = 3;
const STDERR = 2;
const KINDS = { other: 2, directory: 3, file: 4 } as const;
const OPEN = { create: 1, directory: 2, exclusive: 4, truncate: 8 } as const;
const APPEND = 1;
const RIGHT = { read: 1n << 1n, write: 1n << 6n } as const;
const ALL_RIGHTS = (1n << 30n) - 1n;

interface Descriptor {
  readonly file: OpenFile;
  readonly append: boolean;
  position: number;
}

export interface Wasi {
  readonly imports: WebAssembly.ModuleImports;
  /** What was written to the error output: the message of a panic. */
  errorOutput(): string;
  attach(memory: WebAssembly.Memory): void;
}

class Exit extends Error {}

/** The calls of WASI that the engine makes, over `files`. `onCall` is called before each call that works on data. */
export function wasi(files: Files, onCall: () => void): Wasi {
  let memory: WebAssembly.Memory;
  let errors = '';
  const open = new Map<number, Descriptor>();
  // Views end with the next growth of the memory.
  const view = (): DataView => new DataView(memory.buffer);
  const bytes = (at: number, length: number): Uint8Array => new Uint8Array(memory.buffer, at, length);
  const text = (at: number, length: number): string => new TextDecoder().decode(bytes(at, length).slice());

  const attempt = (work: () => unknown): number => {
    try {
      const result = work();
      return typeof result === 'number' ? result : 0;
    } catch (thrown) {
      return errnoOf(thrown);
    }
  };
  const withFile = (fd: number, work: (descriptor: Descriptor) => unknown): number => {
    const descriptor = open.get(fd);
    return descriptor === undefined ? BADF : attempt(() => work(descriptor));
  };
  /** Calls `work` for each buffer of a vector until one is not used up. */
  const vectors = (at: number, count: number, work: (buffer: Uint8Array) => number): number => {
    let total = 0;
    for (let entry = at; entry < at + 8 * count; entry += 8) {
      const length = view().getUint32(entry + 4, true);
      if (length === 0) continue;
      const done = work(bytes(view().getUint32(entry, true), length));
      total += done;
      if (done < length) break;
    }
    return total;
  };
  const putInfo = (at: number, { kind, bytes: length, modified }: FileInfo): void => {
    bytes(at, 64).fill(0);
    const target = view();
    target.setUint8(at + 16, KINDS[kind]);
    target.setBigUint64(at + 24, 1n, true);
    target.setBigUint64(at + 32, BigInt(length), true);
    for (const time of [40, 48, 56]) target.setBigUint64(at + time, modified, true);
  };

  const imports = {
    random_get: (at: number, length: number) => {
      for (let done = 0; done < length; done += 65536) {
        // Not into the memory itself, which may be shared.
        const random = crypto.getRandomValues(new Uint8Array(Math.min(65536, length - done)));
        bytes(at + done, random.length).set(random);
      }
      return 0;
    },
    environ_sizes_get: (count: number, length: number) => {
      view().setUint32(count, 0, true);
      view().setUint32(length, 0, true);
      return 0;
    },
    environ_get: () => 0,
    clock_time_get: (clock: number, _precision: bigint, at: number) => {
      const milliseconds = clock === 0 ? Date.now() : performance.now();
      view().setBigUint64(at, BigInt(Math.round(milliseconds * 1e6)), true);
      return 0;
    },
    fd_prestat_get: (fd: number, at: number) => {
      if (fd !== ROOT) return BADF;
      view().setUint32(at, 0, true);
      view().setUint32(at + 4, 1, true);
      return 0;
    },
    fd_prestat_dir_name: (fd: number, at: number, length: number) => {
      if (fd !== ROOT || length < 1) return EINVAL;
      bytes(at, 1)[0] = 0x2f;
      return 0;
    },
    fd_fdstat_get: (fd: number, at: number) => {
      const descriptor = open.get(fd);
      if (descriptor === undefined && fd > ROOT) return BADF;
      bytes(at, 24).fill(0);
      const kind = fd < ROOT ? 'other' : fd === ROOT ? 'directory' : 'file';
      view().setUint8(at, KINDS[kind]);
      view().setUint16(at + 2, descriptor?.append === true ? APPEND : 0, true);
      view().setBigUint64(at + 8, ALL_RIGHTS, true);
      view().setBigUint64(at + 16, ALL_RIGHTS, true);
      return 0;
    },
    fd_filestat_get: (fd: number, at: number) => withFile(fd, ({ file }) => putInfo(at, file.info())),
    fd_filestat_set_size: (fd: number, length: bigint) =>
      withFile(fd, ({ file }) => file.setLength(Number(length))),
    fd_read: (fd: number, vector: number, count: number, at: number) => {
      onCall();
      return withFile(fd, (descriptor) => {
        const total = vectors(vector, count, (buffer) => {
          const read = descriptor.file.read(buffer, descriptor.position);
          descriptor.position += read;
          return read;
        });
        view().setUint32(at, total, true);
      });
    },
    fd_write: (fd: number, vector: number, count: number, at: number) => {
      onCall();
      const put = (total: number): void => view().setUint32(at, total, true);
      if (fd <= STDERR) {
        put(
          vectors(vector, count, (buffer) => {
            errors += new TextDecoder().decode(buffer.slice());
            return buffer.length;
          }),
        );
        return 0;
      }
      return withFile(fd, (descriptor) => {
        const total = vectors(vector, count, (buffer) => {
          const written = descriptor.file.write(buffer, descriptor.position);
          descriptor.position += written;
          return written;
        });
        put(total);
      });
    },
    fd_seek: (fd: number, offset: bigint, whence: number, at: number) =>
      withFile(fd, (descriptor) => {
        const { file, position } = descriptor;
        const from = whence === 0 ? 0 : whence === 1 ? position : file.info().bytes;
        const to = from + Number(offset);
        if (to < 0) return EINVAL;
        descriptor.position = to;
        view().setBigUint64(at, BigInt(to), true);
        return 0;
      }),
    fd_sync: (fd: number) => (fd === ROOT ? 0 : withFile(fd, ({ file }) => file.sync())),
    fd_datasync: (fd: number) => (fd === ROOT ? 0 : withFile(fd, ({ file }) => file.sync())),
    fd_close: (fd: number) =>
      withFile(fd, ({ file }) => {
        open.delete(fd);
        file.close();
      }),
    path_create_directory: (_fd: number, at: number, length: number) =>
      attempt(() => files.createDirectory(text(at, length))),
    path_filestat_get: (_fd: number, _flags: number, path: number, length: number, at: number) =>
      attempt(() => putInfo(at, files.info(text(path, length)))),
    path_rename: (_fd: number, from: number, fromLength: number, _to: number, to: number, toLength: number) =>
      attempt(() => files.rename(text(from, fromLength), text(to, toLength))),
    path_unlink_file: (_fd: number, path: number, length: number) =>
      attempt(() => files.remove(text(path, length))),
    path_open: (
      _fd: number,
      _lookup: number,
      path: number,
      length: number,
      flags: number,
      rights: bigint,
      _inherited: bigint,
      state: number,
      at: number,
    ) =>
      attempt(() => {
        const append = (state & APPEND) !== 0;
        const file = files.open(text(path, length), {
          read: (rights & RIGHT.read) !== 0n,
          write: (rights & RIGHT.write) !== 0n,
          create: (flags & OPEN.create) !== 0,
          exclusive: (flags & OPEN.exclusive) !== 0,
          truncate: (flags & OPEN.truncate) !== 0,
          append,
        });
        let fd = ROOT + 1;
        while (open.has(fd)) fd += 1;
        open.set(fd, { file, append, position: 0 });
        view().setUint32(at, fd, true);
      }),
    proc_exit: (code: number) => {
      throw new Exit(`the engine ended with code ${code}`);
    },
  };
  return {
    imports,
    errorOutput: () => errors.trim(),
    attach: (given) => {
      memory = given;
    },
  };
}
