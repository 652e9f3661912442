//! What JavaScript asks an execution for.

use crate::error::Failure;
use ckpt_engine::{Compute, JournalOptions, ReadMode, Sharing, WriteMode, default_memory};
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecuteOptions {
    pub root: String,
    pub rank: Option<u32>,
    pub threads: Option<u32>,
    /// Bytes for buffers.
    pub memory: Option<f64>,
    pub read_mode: Option<String>,
    pub write_mode: Option<String>,
    /// How unchanged blocks are taken over from the source.
    pub zero_copy: Option<String>,
    /// `cpu`, `auto`, or GPUs as `cuda:0,1`.
    pub compute: Option<String>,
    pub sync: Option<bool>,
    /// File of the journal, relative to the root; needs `digest`.
    pub journal: Option<String>,
    /// Identity of the plan.
    pub digest: Option<String>,
    /// Numbers of the sources that can be read now; all when absent.
    pub ready: Option<Vec<u32>>,
}

impl ExecuteOptions {
    /// Options as JSON has them.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(|error| Failure::internal(&error.to_string()))
    }

    pub(crate) fn into_engine(self) -> Result<ckpt_engine::Options, Failure> {
        let read_mode = match self.read_mode.as_deref() {
            None | Some("auto") => ReadMode::Auto,
            Some("pread") => ReadMode::Pread,
            Some("mmap") => ReadMode::Mmap,
            Some("direct") => ReadMode::Direct,
            Some(other) => return Err(Failure::option("readMode", other, "auto, pread, direct, mmap")),
        };
        let write_mode = match self.write_mode.as_deref() {
            None | Some("auto") => None,
            Some("direct") => Some(WriteMode::Direct),
            Some("dontcache") => Some(WriteMode::DontCache),
            Some("buffered") => Some(WriteMode::Buffered),
            Some(other) => {
                return Err(Failure::option("writeMode", other, "auto, direct, dontcache, buffered"));
            }
        };
        let sharing = match self.zero_copy.as_deref() {
            None | Some("off") => None,
            Some("clone") => Some(Sharing::Clone),
            Some("copy_file_range") => Some(Sharing::CopyRange),
            Some(other) => return Err(Failure::option("zeroCopy", other, "off, clone, copy_file_range")),
        };
        Ok(ckpt_engine::Options {
            compute: compute_of(self.compute.as_deref())?,
            root: PathBuf::from(self.root),
            rank: self.rank,
            threads: self.threads.map(|threads| threads as usize),
            memory: self.memory.map_or_else(default_memory, |bytes| bytes as usize),
            read_mode,
            write_mode,
            sharing,
            sync: self.sync.unwrap_or(true),
            journal: self.journal.zip(self.digest).map(|(path, digest)| JournalOptions { path, digest }),
            ready: self.ready.map(|ready| ready.into_iter().map(|number| number as usize).collect()),
        })
    }
}

pub(crate) fn compute_of(text: Option<&str>) -> Result<Compute, Failure> {
    match text {
        None | Some("cpu") => Ok(Compute::Cpu),
        Some("auto") => Ok(Compute::Auto),
        Some(other) => ordinals(other)
            .map(Compute::Cuda)
            .ok_or_else(|| Failure::option("compute", other, "cpu, auto, cuda:N")),
    }
}

/// The numbers of `cuda:0,1`.
fn ordinals(text: &str) -> Option<Vec<usize>> {
    text.strip_prefix("cuda:")?.split(',').map(|number| number.parse().ok()).collect()
}
