/** Platforms with a prebuilt addon, as Node.js names them, and the end of its package's name. */
const PREBUILT: Readonly<Record<string, string>> = {
  'darwin-arm64': 'darwin-arm64',
  'darwin-x64': 'darwin-x64',
  'linux-arm64-glibc': 'linux-arm64-gnu',
  'linux-arm64-musl': 'linux-arm64-musl',
  'linux-x64-glibc': 'linux-x64-gnu',
  'linux-x64-musl': 'linux-x64-musl',
  'win32-x64': 'win32-x64-msvc',
};

export interface Platform {
  /** `linux-x64-glibc`: system, processor and, on Linux, C library. */
  readonly name: string;
  /** The package with the addon; undefined where none is made. */
  readonly package: string | undefined;
}

/** The platform of a process. */
export function platformOf(
  process: Pick<NodeJS.Process, 'platform' | 'arch'>,
  libc: 'glibc' | 'musl',
): Platform {
  const system = `${process.platform}-${process.arch}`;
  const name = process.platform === 'linux' ? `${system}-${libc}` : system;
  const suffix = PREBUILT[name];
  return { name, package: suffix === undefined ? undefined : `@nemotron-convert/native-${suffix}` };
}

/** The C library of the running process: only glibc tells its version. */
export function libcOf(report: NodeJS.ProcessReport): 'glibc' | 'musl' {
  const { header } = report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}
