/** Numbers of WASI's preview 1 for errors that Node.js names. */
const NUMBERS: Readonly<Record<string, number>> = {
  EACCES: 2,
  EAGAIN: 6,
  EBADF: 8,
  EBUSY: 10,
  EDQUOT: 19,
  EEXIST: 20,
  EFBIG: 22,
  EINTR: 27,
  EINVAL: 28,
  EIO: 29,
  EISDIR: 31,
  ELOOP: 32,
  EMFILE: 33,
  ENAMETOOLONG: 37,
  ENFILE: 41,
  ENOENT: 44,
  ENOMEM: 48,
  ENOSPC: 51,
  ENOTDIR: 54,
  ENOTEMPTY: 55,
  ENOTSUP: 58,
  EPERM: 63,
  EROFS: 69,
  ETXTBSY: 74,
  EXDEV: 75,
};

export const BADF = 8;
export const EINVAL = 28;
const EIO = 29;

/** The number of a failure; EIO where it has no name that we know. */
export function errnoOf(thrown: unknown): number {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  return NUMBERS[code] ?? EIO;
}
