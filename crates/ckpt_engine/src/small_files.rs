//! The small files around the data, many at a time: for each of them JavaScript would wait several times.

use crate::Error;
use crate::disk::{SystemDisk, create_folders};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Write};
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

/// What a file is to hold.
pub enum Content {
    Text(String),
    /// The bytes of another one, and its permissions where the system knows them.
    CopyOf(PathBuf),
}

/// Writes files below a root that is there, over what is there, with the folders that they lie in; they may not be on the disk
/// yet. Errors: `Source`, `Write`.
pub fn write_files(root: &Path, files: &[(String, Content)]) -> Result<(), Error> {
    for (path, content) in files {
        create_folders(&SystemDisk, root, path)?;
        let path = root.join(path);
        match content {
            Content::Text(text) => write(&path, text).map_err(|source| Error::write(&path, source))?,
            Content::CopyOf(from) => {
                let source = open(from).map_err(|source| read_failed(from, source))?;
                copy(source, &path).map_err(|source| Error::write(&path, source))?;
            }
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    create(path)?.write_all(text.as_bytes())
}

/// Opening a pipe would wait for somebody to write into it.
fn open(path: &Path) -> io::Result<File> {
    if fs::metadata(path)?.is_file() { File::open(path) } else { Err(io::Error::other("not a regular file")) }
}

fn copy(mut source: File, path: &Path) -> io::Result<()> {
    let mut file = create(path)?;
    // Before there is anything to read. WASI knows no permissions.
    if cfg!(not(target_os = "wasi")) {
        match file.set_permissions(source.metadata()?.permissions()) {
            // Shares of other systems have permissions of their own.
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
            _ => {}
        }
    }
    io::copy(&mut source, &mut file).map(|_| ())
}

/// A copy that an earlier run made may be as unwritable as its source.
fn create(path: &Path) -> io::Result<File> {
    File::create(path).or_else(|error| match error.kind() {
        io::ErrorKind::PermissionDenied if fs::remove_file(path).is_ok() => File::create(path),
        _ => Err(error),
    })
}

fn read_failed(path: &Path, source: io::Error) -> Error {
    ckpt_safetensors::Error::Io { path: path.to_path_buf(), source }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_appear_in_their_folders_over_what_is_there() {
        let root = tempfile::tempdir().unwrap();
        let source = root.path().join("source");
        fs::write(&source, "bytes").unwrap();
        let mut permissions = fs::metadata(&source).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&source, permissions.clone()).unwrap();
        for text in ["a longer text", "text"] {
            let files = [
                ("folder/inner/text".to_string(), Content::Text(text.into())),
                ("folder/copy".to_string(), Content::CopyOf(source.clone())),
            ];
            write_files(root.path(), &files).unwrap();
            assert_eq!(fs::read_to_string(root.path().join("folder/inner/text")).unwrap(), text);
            let copy = root.path().join("folder/copy");
            assert_eq!(fs::read_to_string(&copy).unwrap(), "bytes");
            assert_eq!(fs::metadata(&copy).unwrap().permissions(), permissions);
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_apart_from_what_cannot_be_written() {
        let root = tempfile::tempdir().unwrap();
        let write = |root: &Path, content| write_files(root, &[("folder/file".to_string(), content)]);
        let code = |result: Result<(), Error>| result.unwrap_err().code();
        let gone = root.path().join("gone");
        assert_eq!(code(write(root.path(), Content::CopyOf(gone.clone()))), "SOURCE_MISSING");
        assert_eq!(code(write(root.path(), Content::CopyOf(root.path().into()))), "READ_FAILED");
        // The root is not made anew.
        assert_eq!(code(write(&gone, Content::Text(String::new()))), "WRITE_FAILED");
        assert!(!gone.exists());
    }
}
