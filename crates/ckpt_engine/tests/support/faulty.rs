//! A disk that fails as told.

use ckpt_engine::{Disk, SystemDisk, TargetFile, WriteMode};
use ckpt_safetensors::{SourceFile, Stamp};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A call that a rule may turn into something else; reads and writes say how many bytes and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Open,
    Create(WriteMode),
    Reopen(WriteMode),
    Reserve(u64),
    Read(usize, u64),
    ReadDirect(usize, u64),
    Write(usize, u64),
    SyncData,
    Finish,
}

/// What happens instead.
pub enum Verdict {
    Pass,
    Fail(i32),
    /// Only this many bytes are read or written.
    Short(usize),
}

type Rule = dyn Fn(Call, usize) -> Verdict + Send + Sync;

/// Asks `rule` before every call, with a count of the calls so far.
#[derive(Clone)]
pub struct FaultyDisk {
    rule: Arc<Rule>,
    calls: Arc<AtomicUsize>,
}

impl FaultyDisk {
    pub fn new(rule: impl Fn(Call, usize) -> Verdict + Send + Sync + 'static) -> FaultyDisk {
        FaultyDisk { rule: Arc::new(rule), calls: Arc::default() }
    }

    fn ask(&self, call: Call) -> io::Result<usize> {
        match (self.rule)(call, self.calls.fetch_add(1, Ordering::SeqCst)) {
            Verdict::Pass => Ok(usize::MAX),
            Verdict::Fail(errno) => Err(io::Error::from_raw_os_error(errno)),
            Verdict::Short(length) => Ok(length),
        }
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn SourceFile>> {
        self.ask(Call::Open)?;
        Ok(Box::new(FaultySource { disk: self.clone(), inner: SystemDisk.open(path)? }))
    }

    fn create(&self, path: &Path, mode: WriteMode) -> io::Result<Box<dyn TargetFile>> {
        self.ask(Call::Create(mode))?;
        Ok(Box::new(FaultyTarget { disk: self.clone(), inner: SystemDisk.create(path, mode)? }))
    }

    fn reopen(&self, path: &Path, mode: WriteMode) -> io::Result<(Box<dyn TargetFile>, u64)> {
        self.ask(Call::Reopen(mode))?;
        let (inner, bytes) = SystemDisk.reopen(path, mode)?;
        Ok((Box::new(FaultyTarget { disk: self.clone(), inner }), bytes))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        SystemDisk.create_folder(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        SystemDisk.sync_folder(path)
    }
}

struct FaultySource {
    disk: FaultyDisk,
    inner: Box<dyn SourceFile>,
}

impl SourceFile for FaultySource {
    fn stamp(&self) -> io::Result<Stamp> {
        self.inner.stamp()
    }

    fn read(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let most = self.disk.ask(Call::Read(buffer.len(), position))?.min(buffer.len());
        self.inner.read(&mut buffer[..most], position)
    }

    fn read_direct(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let most = self.disk.ask(Call::ReadDirect(buffer.len(), position))?.min(buffer.len());
        self.inner.read_direct(&mut buffer[..most], position)
    }

    fn map(&self, position: u64, length: usize) -> io::Result<memmap2::Mmap> {
        self.inner.map(position, length)
    }
}

struct FaultyTarget {
    disk: FaultyDisk,
    inner: Box<dyn TargetFile>,
}

impl TargetFile for FaultyTarget {
    fn reserve(&self, bytes: u64) -> io::Result<()> {
        self.disk.ask(Call::Reserve(bytes))?;
        self.inner.reserve(bytes)
    }

    fn write(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        let most = self.disk.ask(Call::Write(bytes.len(), position))?.min(bytes.len());
        self.inner.write(&bytes[..most], position)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.ask(Call::SyncData)?;
        self.inner.sync_data()
    }

    fn finish(&self, bytes: u64, sync: bool) -> io::Result<()> {
        self.disk.ask(Call::Finish)?;
        self.inner.finish(bytes, sync)
    }
}
