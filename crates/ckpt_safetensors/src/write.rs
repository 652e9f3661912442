//! The first bytes of a file, up to its data.

use std::collections::BTreeMap;

use ckpt_tensor::Dtype;
use serde_json::json;

use crate::header::MAX_HEADER_BYTES;

/// Data begins at a multiple of the largest element's size.
const ALIGNED: usize = 8;

/// Length, JSON and padding of a file whose tensors lie back to back in the given order, each at a multiple of its
/// element's size; the same bytes that the reference implementation writes. The error says what is wrong, without the
/// file's name.
pub fn write_header<'a>(
    metadata: &BTreeMap<String, String>,
    tensors: impl Iterator<Item = (&'a str, Dtype, &'a [u64])>,
) -> Result<Vec<u8>, String> {
    let mut entries = Vec::new();
    if !metadata.is_empty() {
        entries.push(format!("\"__metadata__\":{}", json!(metadata)));
    }
    let mut at = 0u64;
    for (name, dtype, shape) in tensors {
        if name == "__metadata__" {
            return Err(format!("a tensor cannot be called {name}"));
        }
        let size = dtype.size().ok_or_else(|| format!("{name} has elements below a byte"))? as u64;
        let bytes = shape.iter().try_fold(size, |product, &n| product.checked_mul(n));
        let end = bytes.and_then(|bytes| at.checked_add(bytes));
        let end = end.ok_or_else(|| format!("{name} ends beyond 2^64 bytes"))?;
        if !at.is_multiple_of(size) {
            return Err(format!("{name} of {size}-byte elements would begin at byte {at}"));
        }
        // Written by hand: a map of JSON values would sort its keys.
        let range = json!([at, end]);
        let dtype = json!(dtype.safetensors_name());
        let text = format!(r#"{{"dtype":{dtype},"shape":{},"data_offsets":{range}}}"#, json!(shape));
        entries.push(format!("{}:{text}", json!(name)));
        at = end;
    }
    let mut json = format!("{{{}}}", entries.join(",")).into_bytes();
    json.resize(json.len().next_multiple_of(ALIGNED), b' ');
    if json.len() as u64 > MAX_HEADER_BYTES {
        return Err(format!("a header of {} bytes, readers take {MAX_HEADER_BYTES}", json.len()));
    }
    Ok([&(json.len() as u64).to_le_bytes(), json.as_slice()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_header;

    fn written(tensors: &[(&str, Dtype, &[u64])]) -> Result<Vec<u8>, String> {
        let metadata = BTreeMap::from([("format".to_string(), "pt".to_string())]);
        write_header(&metadata, tensors.iter().copied())
    }

    #[test]
    fn bytes_of_the_reference_implementation() {
        let head = written(&[("b", Dtype::F32, &[2, 3]), ("a\"", Dtype::BF16, &[])]).unwrap();
        let json = r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"a\"":{"dtype":"BF16","shape":[],"data_offsets":[24,26]}}"#;
        let padded = json.len().next_multiple_of(8);
        assert_eq!(head[..8], (padded as u64).to_le_bytes());
        assert_eq!(std::str::from_utf8(&head[8..]).unwrap(), format!("{json:padded$}"));
    }

    #[test]
    fn the_reader_takes_what_was_written() {
        let tensors: [(&str, Dtype, &[u64]); 3] =
            [("x", Dtype::I64, &[1]), ("none", Dtype::F32, &[0, 4]), ("é", Dtype::BF16, &[3])];
        let mut file = written(&tensors).unwrap();
        file.extend([0; 14]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        std::fs::write(&path, file).unwrap();
        let header = read_header(&path).unwrap();
        assert_eq!(header.metadata["format"], "pt");
        for (name, dtype, shape) in tensors {
            let found = header.tensors.iter().find(|tensor| tensor.name == name).unwrap();
            assert_eq!((found.dtype, found.shape.as_slice()), (dtype, shape));
        }
    }

    #[test]
    fn what_readers_would_refuse_is_not_written() {
        let problem = |tensors| written(tensors).unwrap_err();
        assert!(problem(&[("a", Dtype::BF16, &[1]), ("b", Dtype::F32, &[1])]).contains("begin at byte 2"));
        assert!(problem(&[("__metadata__", Dtype::BF16, &[1])]).contains("cannot be called"));
        assert!(problem(&[("a", Dtype::F4, &[2])]).contains("below a byte"));
        assert!(problem(&[("a", Dtype::F32, &[1 << 40, 1 << 40])]).contains("2^64"));
    }
}
