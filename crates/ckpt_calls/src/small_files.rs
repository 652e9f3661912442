//! The small files around the data.

use crate::error::Failure;
use ckpt_engine::{hash_files, sync_paths};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Length and SHA-256 of files, as JSON.
pub fn hash_whole_files(paths: &[String]) -> Result<String, Failure> {
    let hashes = hash_files(&as_paths(paths))?;
    let each = hashes.iter().map(|file| json!({ "bytes": file.bytes, "sha256": file.sha256 }));
    Ok(each.collect::<Value>().to_string())
}

/// Waits until files, and then the names in folders, are on the disk.
pub fn sync_all_of(files: &[String], folders: &[String]) -> Result<String, Failure> {
    sync_paths(&as_paths(files), &as_paths(folders))?;
    Ok(String::new())
}

fn as_paths(texts: &[String]) -> Vec<PathBuf> {
    texts.iter().map(PathBuf::from).collect()
}
