//! Bytes that a target file gets from its source without passing through our memory.
//!
//! The payload is read all the same, for its CRC. What is saved is the writing: a clone shares the source's blocks, a
//! range copy is made by the kernel or by a file server. Whatever a filesystem refuses is written from the buffer.

use ckpt_safetensors::DIRECT_ALIGNMENT;
use std::fs::File;
use std::io;
use std::path::Path;

/// Blocks are shared whole.
pub const BLOCK: u64 = DIRECT_ALIGNMENT as u64;
/// Shorter runs are not worth a call: each is a transaction of the filesystem.
pub const SHORTEST: u64 = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// FICLONERANGE, on filesystems with reflinks.
    Clone,
    /// copy_file_range.
    CopyRange,
}

impl Sharing {
    pub fn name(self) -> &'static str {
        match self {
            Sharing::Clone => "clone",
            Sharing::CopyRange => "copy_file_range",
        }
    }
}

/// Bytes of source number `source`, from `from` on, that stand unchanged at `at` in the target file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub source: usize,
    pub from: u64,
    pub at: u64,
    pub length: u64,
}

impl Run {
    /// The whole blocks of both files; `None` when their borders differ or too little is left.
    fn blocks(self) -> Option<Run> {
        if self.from % BLOCK != self.at % BLOCK {
            return None;
        }
        let skip = self.at.next_multiple_of(BLOCK) - self.at;
        let length = self.length.checked_sub(skip)? / BLOCK * BLOCK;
        (length >= SHORTEST).then_some(Run { from: self.from + skip, at: self.at + skip, length, ..self })
    }
}

/// The runs of a segment.
#[derive(Default)]
pub struct Runs {
    runs: Vec<Run>,
}

impl Runs {
    /// Notes a run; one that goes on where the last ended is joined to it.
    pub fn note(&mut self, run: Run) {
        match self.runs.last_mut() {
            Some(last)
                if last.source == run.source
                    && last.from + last.length == run.from
                    && last.at + last.length == run.at =>
            {
                last.length += run.length;
            }
            _ => self.runs.push(run),
        }
    }

    /// What can be shared of the noted runs, in the target's order; they are forgotten.
    pub fn take(&mut self) -> Vec<Run> {
        let mut blocks: Vec<Run> = self.runs.drain(..).filter_map(Run::blocks).collect();
        blocks.sort_unstable_by_key(|run| run.at);
        blocks
    }
}

/// Whether files in `folder` can share blocks with a source. Nothing is left behind.
pub fn can_clone(source: &Path, folder: &Path) -> bool {
    system::can_clone(source, folder).unwrap_or(false)
}

/// Shares a range; fewer bytes than asked for are a refusal too.
pub fn share(how: Sharing, source: &File, target: &File, run: Run) -> io::Result<()> {
    match how {
        Sharing::Clone => system::clone(source, target, run),
        Sharing::CopyRange => {
            let mut done = 0;
            while done < run.length {
                let rest = Run { from: run.from + done, at: run.at + done, length: run.length - done, ..run };
                match system::copy_range(source, target, rest)? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    copied => done += copied,
                }
            }
            Ok(())
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use super::{BLOCK, Run};
    use rustix::fs::{Mode, OFlags, copy_file_range, open, statfs};
    use rustix::ioctl::{Setter, ioctl, opcode};
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;
    use std::path::Path;

    /// `struct file_clone_range`.
    #[repr(C)]
    struct CloneRange {
        source: i64,
        from: u64,
        length: u64,
        at: u64,
    }

    const FICLONERANGE: rustix::ioctl::Opcode = opcode::write::<CloneRange>(0x94, 13);

    pub fn clone(source: &File, target: &File, run: Run) -> io::Result<()> {
        let range = CloneRange {
            source: i64::from(source.as_raw_fd()),
            from: run.from,
            length: run.length,
            at: run.at,
        };
        // SAFETY: the opcode is that of a call that reads one `struct file_clone_range`; the descriptors are open.
        Ok(unsafe { ioctl(target, Setter::<FICLONERANGE, CloneRange>::new(range)) }?)
    }

    pub fn copy_range(source: &File, target: &File, run: Run) -> io::Result<u64> {
        let (mut from, mut at) = (run.from, run.at);
        let length = usize::try_from(run.length).unwrap_or(usize::MAX);
        Ok(copy_file_range(source, Some(&mut from), target, Some(&mut at), length)? as u64)
    }

    /// What statfs(2) calls ext4, which has no reflinks.
    const EXT4: u64 = 0xef53;

    pub fn can_clone(source: &Path, folder: &Path) -> io::Result<bool> {
        // A file made for the probe is known to the disk for a while after it is gone.
        if statfs(folder)?.f_type as u64 == EXT4 {
            return Ok(false);
        }
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let target = File::from(open(folder, flags, Mode::RUSR | Mode::WUSR)?);
        let run = Run { source: 0, from: 0, at: 0, length: BLOCK };
        Ok(clone(&File::open(source)?, &target, run).is_ok())
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::Run;
    use std::fs::File;
    use std::io;
    use std::path::Path;

    pub fn clone(_source: &File, _target: &File, _run: Run) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn copy_range(_source: &File, _target: &File, _run: Run) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn can_clone(_source: &Path, _folder: &Path) -> io::Result<bool> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_joined_and_cut_to_blocks() {
        let mut runs = Runs::default();
        let run = |from, at, length| Run { source: 0, from, at, length };
        runs.note(run(5 * BLOCK + 8, 300 * BLOCK + 8, 40 * BLOCK));
        runs.note(run(100, 100, 20 * BLOCK));
        runs.note(run(100 + 20 * BLOCK, 100 + 20 * BLOCK, 10 * BLOCK));
        // Borders differ; too short; in another place of the target.
        runs.note(run(0, 8, 100 * BLOCK));
        runs.note(run(0, 400 * BLOCK, 15 * BLOCK));
        let found = runs.take();
        assert_eq!(found, [run(BLOCK, BLOCK, 29 * BLOCK), run(6 * BLOCK, 301 * BLOCK, 39 * BLOCK)]);
        assert!(runs.take().is_empty());
    }
}
