//! A file read by position, in one of three ways.

use crate::Error;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// O_DIRECT moves whole blocks from aligned positions into aligned memory.
const BLOCK: usize = 4096;
/// The bounce buffer of a direct read.
const WINDOW: usize = 1 << 20;

/// How a source is read. Pread goes through the page cache; mmap copies from a mapped window of it; direct bypasses
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMode {
    Pread,
    Mmap,
    Direct,
}

impl ReadMode {
    pub fn name(self) -> &'static str {
        match self {
            ReadMode::Pread => "pread",
            ReadMode::Mmap => "mmap",
            ReadMode::Direct => "direct",
        }
    }
}

/// An open file of known length.
pub struct Source {
    path: PathBuf,
    file: File,
    bytes: u64,
    mode: ReadMode,
}

impl Source {
    /// Opens a file that must have exactly `bytes` bytes.
    pub fn open(path: &Path, bytes: u64, mode: ReadMode) -> Result<Self, Error> {
        let io = |source| Error::Io { path: path.to_path_buf(), source };
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(target_os = "linux")]
        if mode == ReadMode::Direct {
            options.custom_flags(rustix::fs::OFlags::DIRECT.bits() as i32);
        }
        let file = options.open(path).map_err(io)?;
        let found = file.metadata().map_err(io)?.len();
        if found != bytes {
            return Err(Error::Changed { path: path.to_path_buf(), expected: bytes, found });
        }
        Ok(Source { path: path.to_path_buf(), file, bytes, mode })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fills `buffer` with the bytes from `position` on. A file that has become shorter is an error, never a fault.
    pub fn read_at(&self, buffer: &mut [u8], position: u64) -> Result<(), Error> {
        let read = match self.mode {
            ReadMode::Pread => self.file.read_exact_at(buffer, position),
            ReadMode::Mmap => self.read_mapped(buffer, position),
            ReadMode::Direct => self.read_direct(buffer, position),
        };
        read.map_err(|source| {
            if source.kind() == io::ErrorKind::UnexpectedEof {
                let found = self.file.metadata().map_or(0, |metadata| metadata.len());
                Error::Changed { path: self.path.clone(), expected: self.bytes, found }
            } else {
                Error::Io { path: self.path.clone(), source }
            }
        })
    }

    /// Maps just the window that is read, so that mapped pages never add up to the file's size in memory.
    fn read_mapped(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        // A page beyond the end of a mapped file kills the process, so the length is looked at first.
        if self.file.metadata()?.len() < self.bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if buffer.is_empty() {
            return Ok(());
        }
        // SAFETY: the file is opened for reading and the window lies within its length as of a moment ago. A writer
        // that truncates it in between can still fault us: mmap is only used where the user asks for it.
        let map = unsafe { memmap2::MmapOptions::new().offset(position).len(buffer.len()).map(&self.file)? };
        buffer.copy_from_slice(&map);
        Ok(())
    }

    fn read_direct(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        let mut bounce = Aligned::new(WINDOW + 2 * BLOCK);
        let mut done = 0;
        while done < buffer.len() {
            let at = position + done as u64;
            let skip = (at % BLOCK as u64) as usize;
            let want = (buffer.len() - done).min(WINDOW);
            let length = (skip + want).next_multiple_of(BLOCK);
            let got = self.read_some(&mut bounce.bytes_mut()[..length], at - skip as u64)?;
            if got < skip + want {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buffer[done..done + want].copy_from_slice(&bounce.bytes_mut()[skip..skip + want]);
            done += want;
        }
        Ok(())
    }

    fn read_some(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut got = 0;
        while got < buffer.len() {
            match self.file.read_at(&mut buffer[got..], position + got as u64) {
                Ok(0) => break,
                Ok(n) => got += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            // A short direct read that does not end on a block has met the end of the file.
            if !got.is_multiple_of(BLOCK) {
                break;
            }
        }
        Ok(got)
    }
}

/// Memory aligned to a block.
struct Aligned {
    storage: Vec<u8>,
    skip: usize,
    length: usize,
}

impl Aligned {
    fn new(length: usize) -> Self {
        let storage = vec![0; length + BLOCK];
        let skip = storage.as_ptr().align_offset(BLOCK);
        Aligned { storage, skip, length }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.storage[self.skip..self.skip + self.length]
    }
}
