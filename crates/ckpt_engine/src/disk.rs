//! The file calls that a run makes, behind a trait: a test puts a full or failing disk in their place.

use crate::Error;
use crate::share::{Run, Sharing, share};
use ckpt_safetensors::{SourceFile, SystemFile};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// How bytes reach the disk. Direct bypasses the page cache; dontcache writes through it and drops the pages at once;
/// buffered leaves them to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    Direct,
    DontCache,
    Buffered,
}

impl WriteMode {
    pub fn name(self) -> &'static str {
        match self {
            WriteMode::Direct => "direct",
            WriteMode::DontCache => "dontcache",
            WriteMode::Buffered => "buffered",
        }
    }
}

pub trait Disk: Sync {
    fn open(&self, path: &Path) -> io::Result<Box<dyn SourceFile>>;
    /// Creates or empties a file. `Unsupported` or `InvalidInput` when the filesystem does not know the mode.
    fn create(&self, path: &Path, mode: WriteMode) -> io::Result<Box<dyn TargetFile>>;
    /// Opens a file to go on writing it; also tells its length.
    fn reopen(&self, path: &Path, mode: WriteMode) -> io::Result<(Box<dyn TargetFile>, u64)>;
    /// Creates a folder unless it is there; not with its parents.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder last.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

/// Creates the folders that a file lies in, below a root that is there. A root that somebody has removed is not made anew:
/// nobody would know whose the part was that came back.
pub fn create_folders(disk: &dyn Disk, root: &Path, path: &str) -> Result<(), Error> {
    let folders: Vec<&Path> = Path::new(path).ancestors().skip(1).collect();
    for folder in folders.iter().rev().filter(|folder| !folder.as_os_str().is_empty()) {
        let folder = root.join(folder);
        disk.create_folder(&folder).map_err(|source| Error::write(&folder, source))?;
    }
    Ok(())
}

pub trait TargetFile: Send + Sync {
    /// Makes room for `bytes`, so that a full disk shows before anything is written.
    fn reserve(&self, bytes: u64) -> io::Result<()>;
    /// As `pwrite`. In direct mode memory, position and length are whole blocks.
    fn write(&self, bytes: &[u8], position: u64) -> io::Result<usize>;
    /// Takes a range over from a source without writing it. Whatever fails may have left anything in the range.
    fn share(&self, _how: Sharing, _source: &File, _run: Run) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Waits until what was written is on the disk.
    fn sync_data(&self) -> io::Result<()>;
    /// Cuts the file to its length and, if asked, waits until it is on the disk.
    fn finish(&self, bytes: u64, sync: bool) -> io::Result<()>;
}

/// The disks of this machine.
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn SourceFile>> {
        Ok(Box::new(SystemFile::open(path)?))
    }

    fn create(&self, path: &Path, mode: WriteMode) -> io::Result<Box<dyn TargetFile>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        system::prepare(&mut options, mode)?;
        Ok(Box::new(SystemTarget::new(path, options.open(path)?, mode)))
    }

    fn reopen(&self, path: &Path, mode: WriteMode) -> io::Result<(Box<dyn TargetFile>, u64)> {
        let mut options = OpenOptions::new();
        options.write(true);
        system::prepare(&mut options, mode)?;
        let file = options.open(path)?;
        let bytes = file.metadata()?.len();
        Ok((Box::new(SystemTarget::new(path, file, mode)), bytes))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            _ => Err(error),
        })
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        // Windows and WASI have no such call that a folder's handle could be made for.
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }
}

struct SystemTarget {
    path: PathBuf,
    file: File,
    mode: WriteMode,
    /// A second descriptor, without the mode's flags, for sharing.
    plain: OnceLock<Option<File>>,
}

impl SystemTarget {
    fn new(path: &Path, file: File, mode: WriteMode) -> Self {
        SystemTarget { path: path.to_path_buf(), file, mode, plain: OnceLock::new() }
    }
}

impl TargetFile for SystemTarget {
    fn reserve(&self, bytes: u64) -> io::Result<()> {
        match system::allocate(&self.file, bytes) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => self.file.set_len(bytes),
            done => done,
        }
    }

    fn write(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        system::write(&self.file, bytes, position, self.mode)
    }

    fn share(&self, how: Sharing, source: &File, run: Run) -> io::Result<()> {
        let open = || OpenOptions::new().write(true).open(&self.path).ok();
        let plain = self.plain.get_or_init(open).as_ref().ok_or(io::ErrorKind::Unsupported)?;
        share(how, source, plain, run)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn finish(&self, bytes: u64, sync: bool) -> io::Result<()> {
        self.file.set_len(bytes)?;
        if sync { self.file.sync_all() } else { Ok(()) }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use super::WriteMode;
    use rustix::fs::{FallocateFlags, OFlags, fallocate};
    use rustix::io::{Errno, ReadWriteFlags, pwritev2};
    use std::fs::{File, OpenOptions};
    use std::io::{self, IoSlice};
    use std::os::unix::fs::{FileExt, OpenOptionsExt};

    /// `RWF_DONTCACHE` of Linux 6.14.
    const DONTCACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);

    pub fn prepare(options: &mut OpenOptions, mode: WriteMode) -> io::Result<()> {
        if mode == WriteMode::Direct {
            options.custom_flags(OFlags::DIRECT.bits() as i32);
        }
        Ok(())
    }

    pub fn allocate(file: &File, bytes: u64) -> io::Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        match fallocate(file, FallocateFlags::empty(), 0, bytes) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Err(io::ErrorKind::Unsupported.into()),
            done => Ok(done?),
        }
    }

    pub fn write(file: &File, bytes: &[u8], position: u64, mode: WriteMode) -> io::Result<usize> {
        match mode {
            WriteMode::DontCache => Ok(pwritev2(file, &[IoSlice::new(bytes)], position, DONTCACHE)?),
            WriteMode::Direct | WriteMode::Buffered => file.write_at(bytes, position),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::WriteMode;
    use std::fs::{File, OpenOptions};
    use std::io;

    pub fn prepare(_options: &mut OpenOptions, mode: WriteMode) -> io::Result<()> {
        if mode == WriteMode::Buffered { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
    }

    pub fn allocate(_file: &File, _bytes: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[cfg(unix)]
    pub fn write(file: &File, bytes: &[u8], position: u64, _mode: WriteMode) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(file, bytes, position)
    }

    #[cfg(windows)]
    pub fn write(file: &File, bytes: &[u8], position: u64, _mode: WriteMode) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_write(file, bytes, position)
    }

    /// There are no threads that could move the file's position between the two calls.
    #[cfg(target_os = "wasi")]
    pub fn write(mut file: &File, bytes: &[u8], position: u64, _mode: WriteMode) -> io::Result<usize> {
        use std::io::{Seek, SeekFrom, Write};
        file.seek(SeekFrom::Start(position))?;
        file.write(bytes)
    }
}
