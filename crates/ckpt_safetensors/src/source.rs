//! Positional reads of a source file that may change under us.
//!
//! `read` copies through the page cache: a file that shrinks ends a read early, which is an error we can report.
//! `map` avoids the copy, but touching a page behind a new end of file kills the process: it is for callers who asked
//! for it, and a window is only mapped when the file still has its length.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use memmap2::{Mmap, MmapOptions};

use crate::Error;

/// How a source is meant to be read. Auto takes what the page cache has from there and the rest past it. Pread goes through the page cache; mmap works on a mapped window of it; direct
/// bypasses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMode {
    Auto,
    Pread,
    Mmap,
    Direct,
}

impl ReadMode {
    pub fn name(self) -> &'static str {
        match self {
            ReadMode::Auto => "auto",
            ReadMode::Pread => "pread",
            ReadMode::Mmap => "mmap",
            ReadMode::Direct => "direct",
        }
    }
}

/// What `O_DIRECT` wants of positions, lengths and addresses on every filesystem that we know.
pub const DIRECT_ALIGNMENT: usize = 4096;

/// Bytes of a read that is announced: Linux silently cuts longer ones to what the device takes at once.
#[cfg(target_os = "linux")]
const ADVICE: u64 = 512 << 10;

/// Length and time of the last change.
pub type Stamp = (u64, Option<SystemTime>);

/// The calls that reading needs; a test puts failures here.
pub trait SourceFile: Send + Sync {
    fn stamp(&self) -> io::Result<Stamp>;
    /// As `pread`: fewer bytes than asked for only at the end of the file.
    fn read(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    /// As `read`, past the page cache; buffer and position are multiples of `DIRECT_ALIGNMENT`.
    fn read_direct(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    /// As `read`, of bytes that are in the page cache: fewer where it has no more of them.
    fn read_cached(&self, _buffer: &mut [u8], _position: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// The open file, for calls between two files.
    fn file(&self) -> Option<&File> {
        None
    }
    /// Tells the system that a range will be read soon, out of order.
    fn will_need(&self, _position: u64, _length: u64) {}
    /// Maps a range, which lies inside the file.
    fn map(&self, position: u64, length: usize) -> io::Result<Mmap>;
}

/// A source with the length that its plan was made for.
pub struct Source {
    path: PathBuf,
    file: Box<dyn SourceFile>,
    mode: ReadMode,
    opened: Stamp,
}

impl Source {
    /// Opens a file that must have the planned length.
    pub fn open(path: &Path, planned: u64, mode: ReadMode) -> Result<Source, Error> {
        let file = SystemFile::open(path).map_err(|source| Error::Io { path: path.into(), source })?;
        Source::new(path, planned, mode, Box::new(file))
    }

    /// As `open`, with a file that is open already.
    pub fn new(
        path: &Path,
        planned: u64,
        mode: ReadMode,
        file: Box<dyn SourceFile>,
    ) -> Result<Source, Error> {
        let opened = file.stamp().map_err(|source| Error::Io { path: path.into(), source })?;
        let source = Source { path: path.into(), file, mode, opened };
        match opened.0.cmp(&planned) {
            std::cmp::Ordering::Equal => Ok(source),
            std::cmp::Ordering::Less => Err(source.truncated(planned, opened.0)),
            std::cmp::Ordering::Greater => {
                Err(Error::Changed { path: source.path, expected: planned, found: opened.0 })
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn bytes(&self) -> u64 {
        self.opened.0
    }

    pub fn mode(&self) -> ReadMode {
        self.mode
    }

    /// Fills the buffer from `position` on.
    pub fn read(&self, buffer: &mut [u8], position: u64) -> Result<(), Error> {
        let mut done = 0;
        while done < buffer.len() {
            match self.file.read(&mut buffer[done..], position + done as u64) {
                Ok(0) => return Err(self.ended(position + buffer.len() as u64)),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    /// Reads around the page cache: buffer and position are aligned, and the last `needed` byte must arrive.
    ///
    /// `Ok(false)` when the filesystem does not do this; nothing is known of the buffer then.
    pub fn read_direct(&self, buffer: &mut [u8], position: u64, needed: usize) -> Result<bool, Error> {
        let mut done = 0;
        while done < needed {
            match self.file.read_direct(&mut buffer[done..], position + done as u64) {
                Ok(0) => return Err(self.ended(position + needed as u64)),
                // The rest of an unaligned short read cannot be asked for directly.
                Ok(count) if count % DIRECT_ALIGNMENT != 0 && done + count < needed => return Ok(false),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(false),
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(true)
    }

    /// Fills the buffer if the page cache has all of it, or cannot be asked; `false` when the disk must be read.
    pub fn read_cached(&self, buffer: &mut [u8], position: u64) -> Result<bool, Error> {
        let mut done = 0;
        while done < buffer.len() {
            match self.file.read_cached(&mut buffer[done..], position + done as u64) {
                Ok(0) => return Err(self.ended(position + buffer.len() as u64)),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.read(&mut buffer[done..], position + done as u64).map(|()| true),
            }
        }
        Ok(true)
    }

    /// The open file, where there is one.
    pub fn file(&self) -> Option<&File> {
        self.file.file()
    }

    /// Has a range brought into the page cache in large reads, for a caller who reads it in many small ones.
    pub fn will_need(&self, position: u64, length: u64) {
        self.file.will_need(position, length);
    }

    /// Maps a range after making sure that the file still has its length.
    pub fn map(&self, position: u64, length: usize) -> Result<Mmap, Error> {
        self.check_unchanged()?;
        self.file.map(position, length).map_err(|error| self.failed(error))
    }

    /// Errors when length or modification time differ from what they were at the beginning.
    pub fn check_unchanged(&self) -> Result<(), Error> {
        let now = self.file.stamp().map_err(|error| self.failed(error))?;
        if now.0 < self.opened.0 {
            return Err(self.truncated(self.opened.0, now.0));
        }
        if now != self.opened {
            return Err(Error::Changed { path: self.path.clone(), expected: self.opened.0, found: now.0 });
        }
        Ok(())
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Io { path: self.path.clone(), source }
    }

    fn ended(&self, expected: u64) -> Error {
        let found = self.file.stamp().map_or(0, |stamp| stamp.0);
        self.truncated(expected.max(self.opened.0), found)
    }

    fn truncated(&self, expected: u64, found: u64) -> Error {
        Error::Truncated { path: self.path.clone(), expected, found }
    }
}

/// A file of the operating system.
pub struct SystemFile {
    path: PathBuf,
    file: File,
    /// A second descriptor, opened for direct reads when the first one is asked for.
    direct: OnceLock<Option<File>>,
}

impl SystemFile {
    pub fn open(path: &Path) -> io::Result<SystemFile> {
        Ok(SystemFile { path: path.into(), file: File::open(path)?, direct: OnceLock::new() })
    }
}

impl SourceFile for SystemFile {
    fn stamp(&self) -> io::Result<Stamp> {
        let info = self.file.metadata()?;
        Ok((info.len(), info.modified().ok()))
    }

    fn read(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        read_at(&self.file, buffer, position)
    }

    fn read_direct(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        match self.direct.get_or_init(|| open_direct(&self.path).ok()) {
            Some(file) => read_at(file, buffer, position),
            None => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    #[cfg(target_os = "linux")]
    fn read_cached(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        use rustix::io::{ReadWriteFlags, preadv2};
        let mut buffers = [io::IoSliceMut::new(buffer)];
        Ok(preadv2(&self.file, &mut buffers, position, ReadWriteFlags::NOWAIT)?)
    }

    fn file(&self) -> Option<&File> {
        Some(&self.file)
    }

    #[cfg(target_os = "linux")]
    fn will_need(&self, position: u64, length: u64) {
        for begin in (position..position + length).step_by(ADVICE as usize) {
            // Only advice: reading works without.
            let advice = rustix::fs::Advice::WillNeed;
            let _ = rustix::fs::fadvise(&self.file, begin, std::num::NonZeroU64::new(ADVICE), advice);
        }
    }

    fn map(&self, position: u64, length: usize) -> io::Result<Mmap> {
        // SAFETY: the mapping is read-only and private to this process, and lives as long as its window is used.
        // Another process may change or truncate the file meanwhile: bytes that change are as wrong as any that
        // were read during a change (`check_unchanged` reports it), and truncation kills the process, which is
        // why this mode must be asked for.
        unsafe { MmapOptions::new().offset(position).len(length).map(&self.file) }
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, position)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, position)
}

/// There are no threads that could move the file's position between the two calls.
#[cfg(target_os = "wasi")]
fn read_at(mut file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(position))?;
    file.read(buffer)
}

#[cfg(target_os = "linux")]
fn open_direct(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::DIRECT.bits() as i32;
    std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(not(target_os = "linux"))]
fn open_direct(_path: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn source(bytes: &[u8], planned: u64) -> (tempfile::TempDir, PathBuf, Result<Source, Error>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        fs::write(&path, bytes).unwrap();
        let source = Source::open(&path, planned, ReadMode::Pread);
        (folder, path, source)
    }

    #[test]
    fn the_length_is_checked_at_the_start() {
        assert!(matches!(source(&[0; 9], 10).2, Err(Error::Truncated { expected: 10, found: 9, .. })));
        assert!(matches!(source(&[0; 11], 10).2, Err(Error::Changed { expected: 10, found: 11, .. })));
        assert!(source(&[0; 10], 10).2.is_ok());
    }

    #[test]
    fn a_file_that_shrinks_is_an_error() {
        let (_folder, path, source) = source(&[7; 10_000], 10_000);
        let source = source.unwrap();
        let mut buffer = [0; 5000];
        source.read(&mut buffer, 5000).unwrap();
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(6000).unwrap();
        assert!(matches!(
            source.read(&mut buffer, 5000),
            Err(Error::Truncated { expected: 10_000, found: 6000, .. })
        ));
        assert!(matches!(source.map(0, 100), Err(Error::Truncated { .. })));
        assert!(source.check_unchanged().is_err());
    }

    #[test]
    fn mapped_and_read_bytes_agree() {
        let bytes: Vec<u8> = (0..20_000u32).map(|i| (i * 7) as u8).collect();
        let (_folder, _path, source) = source(&bytes, 20_000);
        let source = source.unwrap();
        assert_eq!(&source.map(123, 9000).unwrap()[..], &bytes[123..9123]);
        source.check_unchanged().unwrap();
    }
}
