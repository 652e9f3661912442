//! The JSON of a safetensors header. Every number in it is checked.

use std::collections::BTreeMap;
use std::fmt;

use ckpt_tensor::Dtype;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

/// A tensor of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<u64>,
    /// First byte and the one after the last.
    pub begin: u64,
    pub end: u64,
}

/// A parsed header; ranges count from the start of the data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    pub metadata: BTreeMap<String, String>,
    /// In the order of their bytes.
    pub tensors: Vec<TensorInfo>,
    /// Bytes that the tensors cover, without gap or overlap.
    pub data_bytes: u64,
}

/// Parses the JSON part of a header. The error says what is wrong, without the file's name.
pub fn parse_entries(json: &[u8]) -> Result<Entries, String> {
    // The writer may pad with spaces, never with zero bytes; JSON itself must begin at once.
    if json.first() != Some(&b'{') {
        return Err("the header is not a JSON object".into());
    }
    let raw: RawHeader = serde_json::from_slice(json).map_err(|error| format!("header JSON: {error}"))?;
    let mut tensors = Vec::with_capacity(raw.tensors.len());
    for (name, raw) in raw.tensors {
        tensors.push(check_tensor(name, raw)?);
    }
    // Empty tensors share their offset with the tensor behind them: they sort first.
    tensors.sort_by(|a, b| (a.begin, a.end, &a.name).cmp(&(b.begin, b.end, &b.name)));
    let mut covered = 0;
    for tensor in &tensors {
        if tensor.begin != covered {
            let kind = if tensor.begin > covered { "a gap" } else { "an overlap" };
            return Err(format!(
                "{kind} before tensor {:?}: it begins at {}, the one before it ends at {covered}",
                tensor.name, tensor.begin
            ));
        }
        covered = tensor.end;
    }
    Ok(Entries { metadata: raw.metadata, tensors, data_bytes: covered })
}

fn check_tensor(name: String, raw: RawTensor) -> Result<TensorInfo, String> {
    let dtype = Dtype::from_safetensors(&raw.dtype)
        .ok_or_else(|| format!("tensor {name:?} has the unknown dtype {:?}", raw.dtype))?;
    let [begin, end] = raw.data_offsets;
    let expected = raw
        .shape
        .iter()
        .try_fold(1u64, |product, &size| product.checked_mul(size))
        .and_then(|elements| dtype.byte_len(elements))
        .ok_or_else(|| format!("tensor {name:?} has the impossible shape {:?}", raw.shape))?;
    match end.checked_sub(begin) {
        Some(found) if found == expected => Ok(TensorInfo { name, dtype, shape: raw.shape, begin, end }),
        Some(found) => Err(format!(
            "tensor {name:?} of shape {:?} and dtype {} needs {expected} bytes, its range has {found}",
            raw.shape, raw.dtype
        )),
        None => Err(format!("tensor {name:?} ends at {end}, before it begins at {begin}")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

#[derive(Default)]
struct RawHeader {
    metadata: BTreeMap<String, String>,
    tensors: BTreeMap<String, RawTensor>,
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

/// serde's maps keep the last of several equal keys; here a second one is an error.
struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = RawHeader;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
        let mut header = RawHeader::default();
        let mut seen_metadata = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "__metadata__" {
                if std::mem::replace(&mut seen_metadata, true) {
                    return Err(A::Error::custom("\"__metadata__\" appears twice"));
                }
                header.metadata = map.next_value()?;
            } else {
                let message = format!("tensor {key:?} appears twice");
                if header.tensors.insert(key, map.next_value()?).is_some() {
                    return Err(A::Error::custom(message));
                }
            }
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(json: &str) -> String {
        parse_entries(json.as_bytes()).expect_err(json)
    }

    #[test]
    fn reads_tensors_in_the_order_of_their_bytes() {
        let json = br#"{"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},"__metadata__":{"format":"pt"},
            "a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"z":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}}  "#;
        let header = parse_entries(json).unwrap();
        let names: Vec<_> = header.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(names, ["a", "z", "b"]);
        assert_eq!(header.metadata["format"], "pt");
        assert_eq!(header.data_bytes, 16);
    }

    #[test]
    fn refuses_what_lies() {
        #[rustfmt::skip]
        let cases = [
            ("", "not a JSON object"),
            ("[]", "not a JSON object"),
            ("{", "EOF"),
            ("{}x", "trailing characters"),
            (r#"{"a":1}"#, "invalid type"),
            (r#"{"__metadata__":{"x":1}}"#, "expected a string"),
            (r#"{"__metadata__":{},"__metadata__":{}}"#, "appears twice"),
            (r#"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}"#, "\"a\" appears twice"),
            (r#"{"a":{"dtype":"F33","shape":[],"data_offsets":[0,4]}}"#, "unknown dtype"),
            (r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, "invalid value"),
            (r#"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, "invalid type"),
            (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, "needs 8 bytes, its range has 4"),
            (r#"{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}"#, "impossible shape"),
            (r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#, "impossible shape"),
            (r#"{"a":{"dtype":"F32","shape":[],"data_offsets":[4,0]}}"#, "before it begins"),
            (r#"{"a":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}"#, "a gap before tensor \"a\""),
            (r#"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[],"data_offsets":[2,6]}}"#, "an overlap before tensor \"b\""),
            (r#"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"extra":1}}"#, "unknown field"),
            (r#"{"a":{"dtype":"F32","shape":[]}}"#, "missing field"),
        ];
        for (json, expected) in cases {
            let found = problem(json);
            assert!(found.contains(expected), "{json}: {found}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error_not_a_stack_overflow() {
        problem(&format!("{{\"a\":{}", "[".repeat(1_000_000)));
    }
}
