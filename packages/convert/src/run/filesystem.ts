import { statfs } from '../file-calls.js';

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

export interface Filesystem {
  readonly name: string;
  /** Whether it lies on another machine. */
  readonly isNetwork: boolean;
}

/** What a number of statfs(2) stands for; an unknown one is its own name. */
export function filesystemOf(type: number): Filesystem {
  const [name, isNetwork] = FILESYSTEMS.get(type) ?? [`0x${type.toString(16)}`, false];
  return { name, isNetwork };
}

/** The name of the filesystem that a path is on; `unknown` where it cannot be asked. */
export async function filesystemAt(path: string): Promise<string> {
  const found = await statfs(path).catch(() => null);
  return found === null ? 'unknown' : filesystemOf(found.type).name;
}
