//! The small files around the data, many at a time: for each of them JavaScript would wait several times.

use crate::Error;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Length and SHA-256 of a file, in hexadecimal digits.
pub struct FileHash {
    pub bytes: u64,
    pub sha256: String,
}

/// Reads files whole. Errors: `Source`, for the first that cannot be read.
pub fn hash_files(paths: &[PathBuf]) -> Result<Vec<FileHash>, Error> {
    paths.iter().map(|path| hash(path).map_err(|source| read_failed(path, source))).collect()
}

fn hash(path: &Path) -> io::Result<FileHash> {
    let mut hash = Sha256::new();
    let bytes = io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(FileHash { bytes, sha256: format!("{:x}", hash.finalize()) })
}

fn read_failed(path: &Path, source: io::Error) -> Error {
    ckpt_safetensors::Error::Io { path: path.to_path_buf(), source }.into()
}
