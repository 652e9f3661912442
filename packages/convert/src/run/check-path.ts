import { constants } from 'node:fs';
import { open, rm, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

/** Linux's numbers for filesystems (statfs(2)), with those that lie on other machines marked. */
const FILESYSTEMS: ReadonlyMap<number, readonly [name: string, isNetwork: boolean]> = new Map([
  [0xef53, ['ext4', false]],
  [0x58465342, ['xfs', false]],
  [0x9123683e, ['btrfs', false]],
  [0x2fc12fc1, ['zfs', false]],
  [0x01021994, ['tmpfs', false]],
  [0x794c7630, ['overlayfs', false]],
  [0x6969, ['nfs', true]],
  [0xff534d42, ['cifs', true]],
  [0xfe534d42, ['smb2', true]],
  [0x0bd00bd0, ['lustre', true]],
  [0x47504653, ['gpfs', true]],
  [0x65735546, ['fuse', true]],
  [0x00c36400, ['ceph', true]],
  [0x19830326, ['beegfs', true]],
  [0x01021997, ['9p', true]],
]);

export interface PathCheck {
  /** The nearest directory that exists. */
  readonly path: string;
  readonly filesystem: string;
  readonly isNetwork: boolean;
  readonly free: number;
  /** How files are read and written there unless options say otherwise. */
  readonly readMode: string;
  readonly writeMode: string;
  /** Why nothing can be written there; null when it can. */
  readonly failure: string | null;
}

/** What a conversion into a path would meet. A file is created there and removed again. */
export async function checkPath(wanted: string): Promise<PathCheck> {
  let path = resolve(wanted);
  let found = await statfs(path).catch(() => null);
  while (found === null && dirname(path) !== path) {
    path = dirname(path);
    found = await statfs(path).catch(() => null);
  }
  const { type = 0, bavail = 0, bsize = 0 } = found ?? {};
  const [filesystem, isNetwork] = FILESYSTEMS.get(type) ?? [`0x${type.toString(16)}`, false];
  const told = { path, filesystem, isNetwork, free: bavail * bsize, readMode: 'pread' };
  const probe = join(path, `.nemotron-doctor-${process.pid}`);
  try {
    await (await open(probe, 'wx')).close();
    const writeMode = await open(probe, constants.O_WRONLY | (constants.O_DIRECT ?? 0)).then(
      async (file) => {
        await file.close();
        return constants.O_DIRECT === undefined ? 'buffered' : 'direct';
      },
      () => 'buffered',
    );
    return { ...told, writeMode, failure: null };
  } catch (cause) {
    return { ...told, writeMode: 'none', failure: (cause as Error).message };
  } finally {
    await rm(probe, { force: true }).catch(() => undefined);
  }
}
