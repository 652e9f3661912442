//! A target file of known length, written by position.

use crate::Error;
use crate::buffer::Buffer;
use crate::disk::{Disk, TargetFile, WriteMode};
use crate::share::{Run, Sharing};
use ckpt_safetensors::DIRECT_ALIGNMENT;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The modes that `None` tries, fastest first.
const MODES: [WriteMode; 3] = [WriteMode::Direct, WriteMode::DontCache, WriteMode::Buffered];

pub struct Writer {
    path: PathBuf,
    file: Box<dyn TargetFile>,
    mode: WriteMode,
}

impl Writer {
    /// Creates a file and reserves its whole length, so that a full disk shows before a byte is written. `mode` None
    /// takes the first that the filesystem allows.
    pub fn create(disk: &dyn Disk, path: &Path, bytes: u64, mode: Option<WriteMode>) -> Result<Self, Error> {
        let failed = |source| Error::write(path, source);
        let modes = match &mode {
            Some(mode) => std::slice::from_ref(mode),
            None => &MODES,
        };
        let mut refusal = io::Error::from(io::ErrorKind::Unsupported);
        for &mode in modes {
            match Writer::try_create(disk, path, bytes, mode) {
                Ok(writer) => return Ok(writer),
                Err(error) if is_refusal(&error) => refusal = error,
                Err(error) => return Err(failed(error)),
            }
        }
        Err(failed(refusal))
    }

    fn try_create(disk: &dyn Disk, path: &Path, bytes: u64, mode: WriteMode) -> io::Result<Self> {
        let file = disk.create(path, mode)?;
        file.reserve(bytes.next_multiple_of(DIRECT_ALIGNMENT as u64))?;
        if mode != WriteMode::Buffered {
            // Whether the filesystem knows the mode may only show at the first write.
            file.write(Buffer::new(DIRECT_ALIGNMENT).bytes(), 0)?;
        }
        Ok(Writer { path: path.to_path_buf(), file, mode })
    }

    /// Opens a file that an earlier run has created with the same plan, to go on writing it. `None` when it is not
    /// there at its reserved length.
    pub fn reopen(disk: &dyn Disk, path: &Path, bytes: u64, mode: Option<WriteMode>) -> Option<Self> {
        // No probe: it would overwrite what is there.
        let modes = mode.map_or(vec![WriteMode::Direct, WriteMode::Buffered], |mode| vec![mode]);
        let (mode, (file, found)) =
            modes.into_iter().find_map(|mode| Some((mode, disk.reopen(path, mode).ok()?)))?;
        let known = found == bytes || found == bytes.next_multiple_of(DIRECT_ALIGNMENT as u64);
        known.then(|| Writer { path: path.to_path_buf(), file, mode })
    }

    /// Waits until what was written is on the disk.
    pub fn sync_data(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(|source| Error::write(&self.path, source))
    }

    pub fn mode(&self) -> WriteMode {
        self.mode
    }

    /// Takes a range over from a source, when the filesystem does that.
    pub fn share(&self, how: Sharing, source: &File, run: Run) -> bool {
        self.file.share(how, source, run).is_ok()
    }

    /// Writes a part of the buffer, whose first byte belongs at `position`. Parts begin at blocks. A direct write takes
    /// whole ones, so the last may carry bytes beyond the file's end, which `finish` cuts off.
    pub fn write_at(&self, buffer: &Buffer, part: Range<usize>, position: u64) -> Result<(), Error> {
        let direct = self.mode == WriteMode::Direct;
        let length = if direct { part.end.next_multiple_of(DIRECT_ALIGNMENT) } else { part.end };
        let mut done = part.start;
        while done < length {
            let block = if direct { DIRECT_ALIGNMENT } else { 1 };
            match self.file.write(&buffer.bytes()[done..length], position + done as u64) {
                Ok(written) if written < block => {
                    return Err(Error::write(&self.path, io::ErrorKind::WriteZero));
                }
                // After a direct write that ended early the next one must begin on a block again.
                Ok(written) => done += written - written % block,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::write(&self.path, error)),
            }
        }
        Ok(())
    }

    /// Cuts the file to its length and, if asked, waits until it is on the disk.
    pub fn finish(&self, bytes: u64, sync: bool) -> Result<(), Error> {
        self.file.finish(bytes, sync).map_err(|source| Error::write(&self.path, source))
    }
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput)
}
