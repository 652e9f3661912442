//! The small files around the data.

use crate::error::Failure;
use ckpt_engine::{Content, hash_files, sync_paths, write_files};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A file to write: its path below the root, and either a text or another file whose bytes it gets.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SmallFile {
    path: String,
    text: Option<String>,
    copy_of: Option<String>,
}

impl SmallFile {
    /// Files as JSON has them.
    pub fn parse(text: &str) -> Result<Vec<Self>, Failure> {
        serde_json::from_str(text).map_err(|error| Failure::internal(&error.to_string()))
    }

    fn into_engine(self) -> Result<(String, Content), Failure> {
        match (self.text, self.copy_of) {
            (Some(text), None) => Ok((self.path, Content::Text(text))),
            (None, Some(from)) => Ok((self.path, Content::CopyOf(from.into()))),
            _ => Err(Failure::internal(&format!("{}: neither a text nor a copy, or both", self.path))),
        }
    }
}

/// Writes files below a root, not waiting for the disk.
pub fn write_small_files(root: &str, files: Vec<SmallFile>) -> Result<String, Failure> {
    let files = files.into_iter().map(SmallFile::into_engine).collect::<Result<Vec<_>, _>>()?;
    write_files(Path::new(root), &files)?;
    Ok(String::new())
}

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
