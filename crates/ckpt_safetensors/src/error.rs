use std::io;
use std::path::PathBuf;

/// Why a safetensors file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: the file has {found} bytes, its header promises {expected}", path.display())]
    Truncated { path: PathBuf, expected: u64, found: u64 },
    #[error("{}: {fault}", path.display())]
    Header { path: PathBuf, fault: String },
    #[error("{}: the file had {expected} bytes when the conversion was planned and has {found} now", path.display())]
    Changed { path: PathBuf, expected: u64, found: u64 },
}
