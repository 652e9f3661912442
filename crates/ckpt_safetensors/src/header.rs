//! What a whole file holds, learned from its first bytes and its length.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::Error;
use crate::entries::{TensorInfo, parse_entries};

/// The largest header that is read, as in the reference implementation: a length field of random bytes must not
/// make us allocate terabytes.
pub(crate) const MAX_HEADER_BYTES: u64 = 100_000_000;

/// A checked header: the tensors, sorted by position, cover the data without gap or overlap. Their ranges are
/// absolute positions in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Length of the whole file.
    pub bytes: u64,
    /// Length of the JSON part; the data begins eight bytes later.
    pub header_bytes: u64,
    pub metadata: BTreeMap<String, String>,
    pub tensors: Vec<TensorInfo>,
}

/// Reads and checks the header of one file, and that the file is as long as the header says.
pub fn read_header(path: &Path) -> Result<Header, Error> {
    let io = |source| Error::Io { path: path.to_path_buf(), source };
    let invalid = |fault: String| Error::Header { path: path.to_path_buf(), fault };
    let truncated = |expected, found| Error::Truncated { path: path.to_path_buf(), expected, found };

    // Asked before opening: opening a pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(invalid("not a regular file".into()));
    }
    let mut file = File::open(path).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    if bytes < 8 {
        return Err(truncated(8, bytes));
    }
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(io)?;
    let header_bytes = u64::from_le_bytes(length);
    if header_bytes > MAX_HEADER_BYTES {
        return Err(invalid(format!(
            "a header of {header_bytes} bytes, at most {MAX_HEADER_BYTES} are possible: not a safetensors file?"
        )));
    }
    let data_begin = 8 + header_bytes;
    if data_begin > bytes {
        return Err(truncated(data_begin, bytes));
    }
    // Looked at before the rest is read: a large file of anything else needs no memory.
    let mut json = vec![0; header_bytes.min(1) as usize];
    file.read_exact(&mut json).map_err(io)?;
    if json == b"{" {
        json.resize(header_bytes as usize, 0);
        file.read_exact(&mut json[1..]).map_err(io)?;
    }
    let entries = parse_entries(&json).map_err(invalid)?;
    let expected = data_begin
        .checked_add(entries.data_bytes)
        .ok_or_else(|| invalid("tensor ranges beyond 2^64 bytes".into()))?;
    if bytes < expected {
        return Err(truncated(expected, bytes));
    }
    if bytes > expected {
        return Err(invalid(format!("{} bytes after the last tensor", bytes - expected)));
    }
    let mut tensors = entries.tensors;
    for tensor in &mut tensors {
        tensor.begin += data_begin;
        tensor.end += data_begin;
    }
    Ok(Header { bytes, header_bytes, metadata: entries.metadata, tensors })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    const JSON: &[u8] = br#"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}"#;

    fn file(length: u64, json: &[u8], data: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        fs::write(&path, [&length.to_le_bytes(), json, data].concat()).unwrap();
        (folder, path)
    }

    #[test]
    fn ranges_become_absolute() {
        let (_folder, path) = file(JSON.len() as u64, JSON, b"xyz");
        let index = read_header(&path).unwrap();
        assert_eq!(index.header_bytes, JSON.len() as u64);
        assert_eq!(index.tensors[0].begin, 8 + JSON.len() as u64);
        assert_eq!(index.tensors[0].end, index.bytes);
    }

    #[test]
    fn a_short_file_is_truncated_and_a_long_one_invalid() {
        let (_folder, path) = file(JSON.len() as u64, JSON, b"xy");
        assert!(
            matches!(read_header(&path), Err(Error::Truncated { found, expected, .. }) if found + 1 == expected)
        );
        let (_folder, path) = file(JSON.len() as u64, JSON, b"xyz!");
        assert!(matches!(read_header(&path), Err(Error::Header { .. })));
        let (_folder, path) = file(JSON.len() as u64 + 1, JSON, b"");
        assert!(matches!(read_header(&path), Err(Error::Truncated { .. })));
    }

    #[test]
    fn a_wild_length_is_refused_before_it_is_allocated() {
        let (_folder, path) = file(MAX_HEADER_BYTES + 1, JSON, b"xyz");
        assert!(matches!(read_header(&path), Err(Error::Header { .. })));
        let (_folder, path) = file(u64::MAX, JSON, b"xyz");
        assert!(matches!(read_header(&path), Err(Error::Header { .. })));
    }

    #[test]
    fn what_is_no_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_header(folder.path()).is_err());
        assert!(matches!(read_header(&folder.path().join("absent")), Err(Error::Io { .. })));
        let path = folder.path().join("tiny");
        fs::write(&path, b"1234567").unwrap();
        assert!(matches!(read_header(&path), Err(Error::Truncated { expected: 8, found: 7, .. })));
    }
}
