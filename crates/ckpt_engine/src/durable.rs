//! Waiting until small files are on the disk.
//!
//! Each `fsync` has the disk empty its cache, during which it writes nothing else, and a checkpoint has a dozen small files.
//! One `syncfs` does as much for all of them, and for those of all checkpoints that wait at the time. It also writes whatever
//! else the filesystem has to write, so it is for moments when that is little.

use crate::Error;
use crate::disk::{Disk, SystemDisk};
use std::fs::File;
use std::path::PathBuf;

/// Waits until files, and then the names in folders, are on the disk. Errors: `Write`.
pub fn sync_paths(files: &[PathBuf], folders: &[PathBuf]) -> Result<(), Error> {
    if files.len() + folders.len() > 1 && system::sync_all_at_once(files, folders) {
        return Ok(());
    }
    for path in files {
        let sync = || File::open(path)?.sync_all();
        sync().map_err(|source| Error::write(path, source))?;
    }
    for path in folders {
        SystemDisk.sync_folder(path).map_err(|source| Error::write(path, source))?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::fs::{fstatfs, syncfs};
    use std::collections::HashMap;
    use std::fs::{self, File};
    use std::os::linux::fs::MetadataExt;
    use std::path::PathBuf;
    use std::sync::{Condvar, Mutex, PoisonError};

    /// Filesystems of disks whose `syncfs` waits for the disk, by what statfs(2) calls them: ext4, XFS, Btrfs.
    const TRUSTED: [u64; 3] = [0xef53, 0x5846_5342, 0x9123_683e];
    /// What the system may have to write besides, in KiB.
    const MOST_DIRTY: u64 = 32 << 10;

    /// Syncs the filesystem that all of the paths are on. False when that is not to be done, or failed: nothing is known then.
    pub fn sync_all_at_once(files: &[PathBuf], folders: &[PathBuf]) -> bool {
        let mut paths = files.iter().chain(folders);
        let Some(first) = paths.next() else { return true };
        let Ok(file) = File::open(first) else { return false };
        let (Ok(info), Ok(about)) = (file.metadata(), fstatfs(&file)) else { return false };
        let device = info.st_dev();
        let is_here = |path: &PathBuf| path.symlink_metadata().is_ok_and(|info| info.st_dev() == device);
        TRUSTED.contains(&(about.f_type as u64))
            && paths.all(is_here)
            && dirty().is_some_and(|dirty| dirty <= MOST_DIRTY)
            && together(device, || syncfs(&file).is_ok())
    }

    /// KiB that the system has not written to its disks yet.
    fn dirty() -> Option<u64> {
        let text = fs::read_to_string("/proc/meminfo").ok()?;
        let of = |name: &str| -> Option<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix("kB")?.trim().parse().ok()
        };
        Some(of("Dirty:")? + of("Writeback:")?)
    }

    /// The syncs of a device: numbered, and never two at a time.
    #[derive(Default)]
    struct Syncs {
        begun: u64,
        ended: u64,
        under_way: bool,
        /// The last one that failed.
        failed: u64,
    }

    static DEVICES: Mutex<Option<HashMap<u64, Syncs>>> = Mutex::new(None);
    static ENDED: Condvar = Condvar::new();

    /// Has `sync` begin now or, where one is under way, as soon as that has ended: once for all who wait by then.
    fn together(device: u64, sync: impl Fn() -> bool) -> bool {
        let mut devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = devices.get_or_insert_default().entry(device).or_default().begun + 1;
        loop {
            let syncs = devices.get_or_insert_default().entry(device).or_default();
            if syncs.ended >= wanted {
                return syncs.failed < wanted;
            }
            if syncs.under_way {
                devices = ENDED.wait(devices).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            syncs.under_way = true;
            syncs.begun += 1;
            drop(devices);
            let well = sync();
            devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
            let syncs = devices.get_or_insert_default().entry(device).or_default();
            (syncs.under_way, syncs.ended) = (false, syncs.begun);
            if !well {
                syncs.failed = syncs.begun;
            }
            ENDED.notify_all();
            return well;
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use std::sync::atomic::{AtomicUsize, Ordering};
        use std::thread;
        use std::time::Duration;

        #[test]
        fn who_waits_for_one_sync_shares_the_next() {
            let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let sync = || {
                begun.fetch_add(1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(50));
                ended.fetch_add(1, Ordering::SeqCst);
                true
            };
            thread::scope(|scope| {
                for number in 0..40 {
                    let (begun, ended) = (&begun, &ended);
                    scope.spawn(move || {
                        thread::sleep(Duration::from_millis(number % 5 * 10));
                        let before = begun.load(Ordering::SeqCst);
                        assert!(together(u64::MAX, sync));
                        // One that began after this thread asked has ended.
                        assert!(ended.load(Ordering::SeqCst) > before);
                    });
                }
            });
            assert!(begun.load(Ordering::SeqCst) <= 10, "{begun:?} syncs");
            assert!(!together(u64::MAX - 1, || false));
        }

        #[test]
        fn what_the_system_has_to_write_is_read() {
            assert!(dirty().is_some());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::path::PathBuf;

    pub fn sync_all_at_once(_files: &[PathBuf], _folders: &[PathBuf]) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_gone_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("there");
        std::fs::write(&there, "text").unwrap();
        sync_paths(std::slice::from_ref(&there), &[folder.path().into()]).unwrap();
        let gone = folder.path().join("gone");
        let error = sync_paths(&[there, gone.clone()], &[folder.path().into()]).unwrap_err();
        assert!(error.to_string().contains(gone.to_str().unwrap()), "{error}");
    }
}
