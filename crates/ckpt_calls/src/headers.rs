//! Headers of safetensors files.

use crate::error::Failure;
use ckpt_safetensors::{TensorInfo, read_header};
use ckpt_tensor::Dtype;
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Headers of safetensors files, as JSON. Tensors cover their file without a gap, so names, kinds and the position of the
/// first tell everything; a kind is a dtype and a shape, of which a model has few.
pub fn inspect(paths: &[String]) -> Result<String, Failure> {
    let mut files = Vec::with_capacity(paths.len());
    let mut kinds = Kinds::default();
    for path in paths {
        let header = read_header(Path::new(path)).map_err(ckpt_engine::Error::from)?;
        let numbers: Vec<usize> = header.tensors.iter().map(|tensor| kinds.number(tensor)).collect();
        files.push(FileHeader {
            path,
            bytes: header.bytes,
            header_bytes: header.header_bytes,
            metadata: header.metadata,
            names: header.tensors.into_iter().map(|tensor| tensor.name).collect(),
            kinds: numbers,
        });
    }
    let headers = Headers { kinds: kinds.list, files };
    serde_json::to_string(&headers).map_err(|error| Failure::internal(&error.to_string()))
}

#[derive(Serialize)]
struct Headers<'a> {
    kinds: Vec<serde_json::Value>,
    files: Vec<FileHeader<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileHeader<'a> {
    path: &'a str,
    bytes: u64,
    header_bytes: u64,
    metadata: BTreeMap<String, String>,
    names: Vec<String>,
    kinds: Vec<usize>,
}

/// Dtypes with shapes, numbered by first use.
#[derive(Default)]
struct Kinds {
    list: Vec<serde_json::Value>,
    numbers: HashMap<(Dtype, Vec<u64>), usize>,
}

impl Kinds {
    fn number(&mut self, TensorInfo { dtype, shape, begin, end, .. }: &TensorInfo) -> usize {
        let next = self.list.len();
        let number = *self.numbers.entry((*dtype, shape.clone())).or_insert(next);
        if number == next {
            self.list.push(json!([dtype.safetensors_name(), shape, end - begin]));
        }
        number
    }
}
