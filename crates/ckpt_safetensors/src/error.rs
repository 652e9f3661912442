use std::io;
use std::path::PathBuf;

/// Why a safetensors file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },

    /// The file ends before its header, or the plan made from it, says.
    #[error("{}: {expected} bytes expected, the file has {found}", path.display())]
    Truncated { path: PathBuf, expected: u64, found: u64 },

    /// The header contradicts itself or the format.
    #[error("{}: {fault}", path.display())]
    Header { path: PathBuf, fault: String },

    /// Length or modification time are not what they were.
    #[error("{}: changed since the conversion was planned: {expected} bytes then, {found} now", path.display())]
    Changed { path: PathBuf, expected: u64, found: u64 },
}
