//! Whole torch.save archives in memory: objects, not payloads.

use crate::Value;
use crate::pickle::save_value;
use crate::zip::ArchiveWriter;

/// The records before the storages; the same bytes in every archive.
const HEAD_RECORDS: [(&str, &[u8]); 3] =
    [(".format_version", b"1"), (".storage_alignment", b"64"), ("byteorder", b"little")];

/// `torch.save(value, path)`, where `root` is the path's stem; torch names it `archive` when it
/// saves to a stream, as it does for every item of a `.distcp` file.
///
/// The bytes are those of torch 2.9 for the same object, provided that a tensor's `data` has the
/// size that its shape and dtype ask for.
pub fn save_object(value: &Value, root: &str) -> Vec<u8> {
    let (pickle, tensors) = save_value(value);
    let mut out = Vec::with_capacity(pickle.len() + 1536);
    let mut archive = begin_archive(&mut out, root, &pickle);
    for tensor in tensors {
        archive.record(&mut out, &format!("data/{}", tensor.key), tensor.data);
    }
    archive.finish(&mut out);
    out
}

/// Appends everything that precedes an archive's first storage.
pub(crate) fn begin_archive(out: &mut Vec<u8>, root: &str, pickle: &[u8]) -> ArchiveWriter {
    let mut archive = ArchiveWriter::new(root);
    archive.record(out, "data.pkl", pickle);
    for (name, data) in HEAD_RECORDS {
        archive.record(out, name, data);
    }
    archive
}
