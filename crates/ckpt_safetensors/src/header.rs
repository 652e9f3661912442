//! The header: eight bytes of length, then a JSON object of tensor name → dtype, shape, data offsets.

use crate::Error;
use ckpt_tensor::Dtype;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The format's own limit; a larger claim is an attack or another kind of file.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// A tensor's entry, its data as an absolute byte range of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<u64>,
    pub begin: u64,
    pub end: u64,
}

/// A checked header: the ranges of the tensors, sorted by position, cover the data without gap or overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Length of the whole file.
    pub bytes: u64,
    pub metadata: BTreeMap<String, String>,
    pub tensors: Vec<TensorInfo>,
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// The header's object with its order and its duplicates, which a map would hide.
struct Entries {
    metadata: BTreeMap<String, String>,
    tensors: Vec<(String, Entry)>,
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries;
            fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
                out.write_str("an object of tensors")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut out = Entries { metadata: BTreeMap::new(), tensors: Vec::new() };
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        out.metadata = map.next_value()?;
                    } else {
                        out.tensors.push((name, map.next_value()?));
                    }
                }
                Ok(out)
            }
        }
        deserializer.deserialize_map(EntriesVisitor)
    }
}

/// Reads and checks the header of a file; no tensor data is read.
pub fn read_header(path: &Path) -> Result<Header, Error> {
    let io = |source| Error::Io { path: path.to_path_buf(), source };
    let mut file = File::open(path).map_err(io)?;
    let found = file.metadata().map_err(io)?.len();
    if found < 8 {
        return Err(Error::Truncated { path: path.to_path_buf(), expected: 8, found });
    }
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(io)?;
    let length = u64::from_le_bytes(length);
    let fault = |fault: String| Error::Header { path: path.to_path_buf(), fault };
    if length > MAX_HEADER_BYTES {
        return Err(fault(format!("header claims {length} bytes, the format allows {MAX_HEADER_BYTES}")));
    }
    if length > found - 8 {
        return Err(Error::Truncated { path: path.to_path_buf(), expected: length + 8, found });
    }
    let mut json = vec![0; length as usize];
    file.read_exact(&mut json).map_err(io)?;
    let entries: Entries =
        serde_json::from_slice(&json).map_err(|error| fault(format!("header is not usable: {error}")))?;
    check(path, entries, 8 + length, found)
}

fn check(path: &Path, entries: Entries, data: u64, found: u64) -> Result<Header, Error> {
    let fault = |fault: String| Error::Header { path: path.to_path_buf(), fault };
    let mut names = HashSet::with_capacity(entries.tensors.len());
    let mut tensors = Vec::with_capacity(entries.tensors.len());
    for (name, entry) in entries.tensors {
        if !names.insert(name.clone()) {
            return Err(fault(format!("{name} is there twice")));
        }
        let dtype = Dtype::from_safetensors(&entry.dtype)
            .ok_or_else(|| fault(format!("{name} has dtype {}, which is not known", entry.dtype)))?;
        let (begin, end) = entry.data_offsets;
        let elements = entry.shape.iter().try_fold(1u64, |product, &n| product.checked_mul(n));
        let want = elements.and_then(|elements| dtype.byte_len(elements));
        let range = end.checked_sub(begin);
        if want.is_none() || want != range {
            return Err(fault(format!(
                "{name} is {} of shape {:?} in bytes {begin}..{end}",
                dtype.safetensors_name(),
                entry.shape
            )));
        }
        let absolute = data.checked_add(begin).zip(data.checked_add(end));
        let (begin, end) = absolute.ok_or_else(|| fault(format!("{name} ends at byte {end} of the data")))?;
        tensors.push(TensorInfo { name, dtype, shape: entry.shape, begin, end });
    }
    tensors.sort_by_key(|tensor| (tensor.begin, tensor.end));
    let mut at = data;
    for tensor in &tensors {
        if tensor.begin != at {
            let what =
                if tensor.begin < at { "overlaps the tensor before it" } else { "leaves a gap before it" };
            return Err(fault(format!("{} begins at byte {} and {what}", tensor.name, tensor.begin - data)));
        }
        at = tensor.end;
    }
    if found < at {
        return Err(Error::Truncated { path: path.to_path_buf(), expected: at, found });
    }
    if found > at {
        return Err(fault(format!("{} bytes after the last tensor belong to none", found - at)));
    }
    Ok(Header { bytes: found, metadata: entries.metadata, tensors })
}
