//! A target file of known length, written by position.

use crate::Error;
use rustix::fs::{FallocateFlags, OFlags};
use rustix::io::{Errno, ReadWriteFlags};
use std::fs::{File, OpenOptions};
use std::io::IoSlice;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Positions, lengths and memory of direct writes are multiples of it.
pub const BLOCK: usize = 4096;

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

/// Linux 6.14's RWF_DONTCACHE.
const DONTCACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);

pub struct Writer {
    path: PathBuf,
    file: File,
    mode: WriteMode,
}

impl Writer {
    /// Creates a file and reserves its whole length, so that a full disk shows before a byte is written. `mode` None
    /// takes the first that the filesystem allows.
    pub fn create(path: &Path, bytes: u64, mode: Option<WriteMode>) -> Result<Self, Error> {
        let modes = match mode {
            Some(mode) => vec![mode],
            None => vec![WriteMode::Direct, WriteMode::DontCache, WriteMode::Buffered],
        };
        let mut refused = Errno::INVAL;
        for mode in modes {
            match Writer::try_create(path, bytes, mode) {
                Err(Error::Write { source, .. }) if is_unsupported(&source) => {
                    refused = Errno::from_io_error(&source).unwrap_or(Errno::INVAL);
                }
                done => return done,
            }
        }
        Err(Error::write(path, refused))
    }

    fn try_create(path: &Path, bytes: u64, mode: WriteMode) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        if mode == WriteMode::Direct {
            options.custom_flags(OFlags::DIRECT.bits() as i32);
        }
        let file = options.open(path).map_err(|source| Error::write(path, source))?;
        let writer = Writer { path: path.to_path_buf(), file, mode };
        let reserved = bytes.next_multiple_of(BLOCK as u64);
        match rustix::fs::fallocate(&writer.file, FallocateFlags::empty(), 0, reserved) {
            Ok(()) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                writer.file.set_len(reserved).map_err(|source| Error::write(path, source))?;
            }
            Err(source) => return Err(Error::write(path, source)),
        }
        if mode != WriteMode::Buffered {
            // Whether the mode works shows at the first write.
            let probe = Buffer::new(BLOCK);
            writer.write_at(&probe, BLOCK, 0)?;
        }
        Ok(writer)
    }

    /// Opens a file that an earlier run has created with the same plan, to go on writing it. None when it is not there
    /// at its reserved length.
    pub fn reopen(path: &Path, bytes: u64, mode: Option<WriteMode>) -> Option<Self> {
        let mode = mode.unwrap_or(WriteMode::Direct);
        let mut options = OpenOptions::new();
        options.write(true);
        if mode == WriteMode::Direct {
            options.custom_flags(OFlags::DIRECT.bits() as i32);
        }
        let file = options.open(path).ok()?;
        let length = file.metadata().ok()?.len();
        let known = length == bytes || length == bytes.next_multiple_of(BLOCK as u64);
        known.then(|| Writer { path: path.to_path_buf(), file, mode })
    }

    /// Waits until what was written is on the disk.
    pub fn sync_data(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(|source| Error::write(&self.path, source))
    }

    pub fn mode(&self) -> WriteMode {
        self.mode
    }

    /// Writes the first `length` bytes of the buffer; a direct write takes whole blocks, so the last one may carry
    /// bytes beyond the file's end, which `finish` cuts off.
    pub fn write_at(&self, buffer: &Buffer, length: usize, position: u64) -> Result<(), Error> {
        let length = if self.mode == WriteMode::Direct { length.next_multiple_of(BLOCK) } else { length };
        let flags = if self.mode == WriteMode::DontCache { DONTCACHE } else { ReadWriteFlags::empty() };
        let mut done = 0;
        while done < length {
            let rest = &buffer.bytes()[done..length];
            match rustix::io::pwritev2(&self.file, &[IoSlice::new(rest)], position + done as u64, flags) {
                Ok(0) => return Err(Error::write(&self.path, Errno::IO)),
                Ok(written) => done += written,
                Err(Errno::INTR) => {}
                Err(source) => return Err(Error::write(&self.path, source)),
            }
        }
        Ok(())
    }

    /// Cuts the file to its length and, if asked, waits until it is on the disk.
    pub fn finish(&self, bytes: u64, sync: bool) -> Result<(), Error> {
        let io = |source| Error::write(&self.path, source);
        self.file.set_len(bytes).map_err(io)?;
        if sync { self.file.sync_all().map_err(io) } else { Ok(()) }
    }
}

fn is_unsupported(error: &std::io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS))
}

/// Block-aligned memory that is used again and again.
pub struct Buffer {
    storage: Vec<u8>,
    skip: usize,
    length: usize,
}

impl Buffer {
    pub fn new(length: usize) -> Self {
        let storage = vec![0; length + BLOCK];
        let skip = storage.as_ptr().align_offset(BLOCK);
        Buffer { storage, skip, length }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.storage[self.skip..self.skip + self.length]
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.storage[self.skip..self.skip + self.length]
    }
}
