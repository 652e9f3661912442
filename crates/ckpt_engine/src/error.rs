use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};

/// Why an execution stopped. `code` names the row of the error table that the fact belongs to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("plan: {0}")]
    Plan(String),
    #[error(transparent)]
    Source(#[from] ckpt_safetensors::Error),
    #[error("{}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{}: {fault}", path.display())]
    Checkpoint { path: PathBuf, fault: String },
    #[error("{}: begun with plan {found}, this run has plan {expected}", path.display())]
    Resume { path: PathBuf, expected: String, found: String },
    #[error("GPU: {0}")]
    Gpu(#[from] ckpt_cuda::Error),
    #[error("interrupted after {done} of {total} bytes")]
    Interrupted { done: u64, total: u64 },
}

impl Error {
    pub fn write(path: &Path, source: impl Into<io::Error>) -> Self {
        Error::Write { path: path.to_path_buf(), source: source.into() }
    }

    pub fn code(&self) -> &'static str {
        use ckpt_safetensors::Error as Source;
        match self {
            Error::Plan(_) => "PLAN_INVALID",
            Error::Checkpoint { .. } => "CHECKPOINT_INVALID",
            Error::Resume { .. } => "RESUME_MISMATCH",
            Error::Interrupted { .. } => "INTERRUPTED",
            Error::Gpu(ckpt_cuda::Error::NoDriver | ckpt_cuda::Error::NoDevice { .. }) => "GPU_UNAVAILABLE",
            Error::Gpu(_) => "GPU_FAILED",
            Error::Source(Source::Truncated { .. }) => "SOURCE_TRUNCATED",
            Error::Source(Source::Header { .. }) => "SOURCE_HEADER_INVALID",
            Error::Source(Source::Changed { .. }) => "SOURCE_CHANGED",
            Error::Source(Source::Io { source, .. }) => match source.kind() {
                io::ErrorKind::PermissionDenied => "SOURCE_PERMISSION",
                io::ErrorKind::NotFound => "SOURCE_MISSING",
                _ => "READ_FAILED",
            },
            Error::Write { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "DISK_FULL",
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "TARGET_PERMISSION",
                io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => "TARGET_NOT_DIRECTORY",
                _ => "WRITE_FAILED",
            },
        }
    }

    pub fn facts(&self) -> Value {
        use ckpt_safetensors::Error as Source;
        match self {
            Error::Plan(fault) => json!({ "fault": fault }),
            Error::Resume { path, expected, found } => {
                json!({ "path": path, "expected": expected, "found": found })
            }
            Error::Interrupted { done, total } => json!({ "done": done, "total": total }),
            Error::Gpu(fault) => json!({ "fault": fault.to_string() }),
            Error::Source(
                Source::Truncated { path, expected, found } | Source::Changed { path, expected, found },
            ) => {
                json!({ "path": path, "expected": expected, "found": found })
            }
            Error::Source(Source::Header { path, fault }) | Error::Checkpoint { path, fault } => {
                json!({ "path": path, "fault": fault })
            }
            Error::Source(Source::Io { path, source }) | Error::Write { path, source } => {
                json!({ "path": path, "system": source.to_string() })
            }
        }
    }
}
