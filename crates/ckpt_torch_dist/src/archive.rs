//! Whole torch.save archives in memory: objects, not payloads.

use std::collections::HashMap;
use std::ops::Range;

use crate::pickle::{Globals, Storages, TensorRef, load_value, parse, save_value};
use crate::zip::{ArchiveReader, ArchiveWriter};
use crate::{Error, ReadAt, Value, view};

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

/// `torch.load(path)` of a whole archive, with its tensors. Nothing that it names is imported or run.
///
/// Reads what torch.save has written since 1.6, pickle protocols 2 to 5. Errors: anything that is
/// damaged, unknown under `globals`, compressed, or much larger than the archive itself.
pub fn load_object(bytes: &[u8], globals: Globals) -> Result<Value, Error> {
    let archive = ArchiveReader::open(bytes, 0, bytes.len() as u64)?;
    check_byteorder(&archive)?;
    let pickle = archive.data("data.pkl", bytes.len() as u64)?;
    let graph = parse(&pickle, globals.into())?;
    let budget = (bytes.len() as u64).saturating_mul(TENSOR_EXPANSION);
    load_value(&graph, pickle.len(), &mut Records { bytes, archive, checked: HashMap::new(), budget })
}

/// Several tensors may view one storage; all of them together may have this many times the
/// archive's bytes.
const TENSOR_EXPANSION: u64 = 16;

struct Records<'r> {
    bytes: &'r [u8],
    archive: ArchiveReader<'r, [u8]>,
    /// Where the storages met so far lie; each is checked against its CRC once.
    checked: HashMap<String, Range<usize>>,
    budget: u64,
}

impl Storages for Records<'_> {
    fn elements(&mut self, tensor: &TensorRef<'_>) -> Result<Vec<u8>, Error> {
        let wanted = tensor.dtype.bytes_of(&tensor.shape)?;
        let what = "size of tensors that share a storage";
        self.budget =
            self.budget.checked_sub(wanted).ok_or(Error::Limit { what, limit: TENSOR_EXPANSION })?;
        if !self.checked.contains_key(tensor.key) {
            let record = self.archive.checked(&format!("data/{}", tensor.key))?;
            let start = record.position as usize;
            self.checked.insert(tensor.key.to_string(), start..start + record.size as usize);
        }
        view::row_major(tensor, &self.bytes[self.checked[tensor.key].clone()])
    }
}

/// The archive's byte order must be ours; archives before torch 2.1 don't say, and are.
pub(crate) fn check_byteorder<R: ReadAt + ?Sized>(archive: &ArchiveReader<'_, R>) -> Result<(), Error> {
    if archive.has("byteorder") && archive.data("byteorder", 16)? != b"little" {
        return Err(Error::Record { name: "byteorder".into(), what: "not little-endian" });
    }
    Ok(())
}
