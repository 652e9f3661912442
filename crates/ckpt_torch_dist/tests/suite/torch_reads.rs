//! What torch wrote (recorded by test/oracle/record_torch_save.py), read back.

use crate::recorded::{dict, objects, pattern, recorded};
use ckpt_torch_dist::*;

fn f32s(elements: impl IntoIterator<Item = i32>) -> Vec<u8> {
    elements.into_iter().flat_map(|element| (element as f32).to_le_bytes()).collect()
}

#[test]
fn objects_read_as_what_they_were() {
    for (name, value) in objects() {
        let bytes = recorded(&format!("{name}.pt"));
        assert!(load_object(&bytes, Globals::Plain).unwrap() == value, "{name}");
    }
}

#[test]
fn tensors_of_every_dtype() {
    for &dtype in TorchDtype::ALL {
        let bytes = recorded(&format!("tensor_{}.item", dtype.name()));
        let data = pattern(6 * dtype.size());
        let expected = Value::Tensor { dtype, shape: vec![1, 2, 3], data };
        assert_eq!(load_object(&bytes, Globals::Plain).unwrap(), expected);
    }
}

#[test]
fn item_headers() {
    let item = recorded("tensor_uint32.item");
    // As in a .distcp file: other items before and after.
    let file = [recorded("extra_state.pt"), item.clone(), recorded("none.pt")].concat();
    let start = recorded("extra_state.pt").len() as u64;
    let header = read_item_header(file.as_slice(), start, item.len() as u64).unwrap();
    let expected = ItemHeader {
        dtype: TorchDtype::UInt32,
        shape: vec![1, 2, 3],
        stride: vec![6, 3, 1],
        storage_offset: 0,
        storage_numel: 6,
        payload_position: start + 768,
        payload_len: 24,
        payload_crc: crc32fast::hash(&pattern(24)),
    };
    assert_eq!(header, expected);
    assert!(header.is_contiguous());
    let header = read_item_header(recorded("tensor_empty.item").as_slice(), 0, 1513).unwrap();
    assert_eq!((header.shape.as_slice(), header.payload_len), ([3, 0, 2].as_slice(), 0));
    assert!(header.is_contiguous());
}

#[test]
fn an_item_is_a_tensor() {
    let bytes = recorded("extra_state.pt");
    let error = read_item_header(bytes.as_slice(), 0, bytes.len() as u64).unwrap_err();
    assert_eq!(error.to_string(), "the object is not what it should be: an item is a list, not a tensor");
}

#[test]
fn strided_tensors() {
    let bytes = recorded("strided.pt");
    let header = read_item_header(bytes.as_slice(), 0, bytes.len() as u64).unwrap();
    assert_eq!((header.shape.as_slice(), header.stride.as_slice()), ([4, 3].as_slice(), [1, 4].as_slice()));
    assert!(!header.is_contiguous());
    let transposed = (0..4).flat_map(|column| (0..3).map(move |row| 4 * row + column));
    let expected = Value::Tensor { dtype: TorchDtype::Float32, shape: vec![4, 3], data: f32s(transposed) };
    assert_eq!(load_object(&bytes, Globals::Plain).unwrap(), expected);
}

#[test]
fn tensors_that_share_a_storage() {
    let tensor = |shape: &[u64], elements: Vec<i32>| Value::Tensor {
        dtype: TorchDtype::Float32,
        shape: shape.to_vec(),
        data: f32s(elements),
    };
    let expected = dict(vec![
        ("all", tensor(&[3, 4], (0..12).collect())),
        ("row", tensor(&[4], (4..8).collect())),
        ("column", tensor(&[3], vec![2, 6, 10])),
    ]);
    assert_eq!(load_object(&recorded("shared.pt"), Globals::Plain).unwrap(), expected);
    let parameter = load_object(&recorded("parameter.pt"), Globals::Plain).unwrap();
    assert_eq!(parameter, tensor(&[1, 4], (0..4).collect()));
}

/// Megatron's common.pt of a training run has classes of its own: named, not refused, never run.
#[test]
fn training_state_is_read_opaquely() {
    for protocol in 2..=5 {
        let bytes = recorded(&format!("training_{protocol}.pt"));
        let state = load_object(&bytes, Globals::Opaque).unwrap();
        let get = |key: &str| state.get(key).unwrap_or_else(|| panic!("{key}, protocol {protocol}"));
        let object = |key: &str| match get(key) {
            Value::Object(object) => object,
            other => panic!("{key} is {other:?}"),
        };
        let args = object("args");
        assert_eq!(args.callable, Value::global("argparse", "Namespace"));
        let arguments = args.state.as_ref().unwrap();
        assert_eq!(arguments.get("hidden_size"), Some(&Value::Int(64)));
        assert_eq!(arguments.get("dtype"), Some(&Value::global("torch", "bfloat16")));
        assert_eq!(object("enum").callable, Value::global("megatron.core.enums", "Colour"));
        assert_eq!(object("enum").args, Value::Tuple(vec![Value::Int(1)]));
        let pair = Value::Tuple(vec![Value::Int(2), Value::Int(3)]);
        assert_eq!(get("ordered"), &dict(vec![("x", Value::Int(1)), ("y", pair.clone())]));
        assert_eq!(object("default").pairs, [(Value::str("k"), Value::List(vec![Value::Int(1)]))]);
        assert_eq!(get("size"), &pair);
        assert_eq!(get("set"), &Value::Set(vec![Value::Int(1)]));
        assert_eq!(get("frozen"), &Value::FrozenSet(vec![Value::Int(2)]));
        assert_eq!(get("bytes"), &Value::Bytes(vec![0, 255]));
        assert_eq!(get("bytearray"), &Value::Bytes(b"ab".to_vec()));
        assert_eq!(get("big"), &Value::BigInt(vec![0, 0, 0, 0, 0, 0, 0, 0, 0x40]));
        assert_eq!(object("stream").callable, Value::global("_io", "BytesIO"));
        let data = [1i64, 2].map(i64::to_le_bytes).concat();
        assert_eq!(get("tensor"), &Value::Tensor { dtype: TorchDtype::Int64, shape: vec![2], data });
        let refused = load_object(&bytes, Globals::Plain).unwrap_err();
        assert!(matches!(&refused, Error::Global { module, .. } if module == "argparse"), "{refused}");
    }
}

fn expected_metadata() -> Metadata {
    let chunk = |row| Chunk { offsets: vec![row, 0], sizes: vec![1, 2] };
    let point = Chunk { offsets: vec![], sizes: vec![] };
    let tensor = |key: &str, dtype, shape: &[u64], chunks| TensorEntry {
        key: key.into(),
        dtype,
        shape: shape.to_vec(),
        chunks,
    };
    let entry = |key: &str, offset: Option<Vec<u64>>, path: &str, position, length| StorageEntry {
        key: key.into(),
        offset,
        relative_path: path.into(),
        position,
        length,
    };
    let object = "layers._extra_state/shard_0_1";
    Metadata {
        tensors: vec![
            tensor("layers.weight", TorchDtype::BFloat16, &[2, 2], vec![chunk(0), chunk(1)]),
            tensor("scalar", TorchDtype::Float32, &[], vec![point]),
        ],
        bytes: vec![object.into()],
        storage: vec![
            entry(object, None, "__0_0.distcp", 0, 1513),
            entry("layers.weight", Some(vec![0, 0]), "__0_1.distcp", 0, 1577),
            entry("layers.weight", Some(vec![1, 0]), "__1_0.distcp", 1577, 1577),
            entry("scalar", Some(vec![]), "__0_0.distcp", 1513, 1577),
        ],
        checkpoint_id: Some("/ckpt/iter_0000000".into()),
        save_id: Some("an-id".into()),
    }
}

#[test]
fn indexes() {
    let expected = expected_metadata();
    assert_eq!(read_metadata(&recorded("metadata.pickle")).unwrap(), expected);
    assert_eq!(read_metadata(&recorded("metadata_mcore.pickle")).unwrap(), expected);
    let old = Metadata { checkpoint_id: None, save_id: None, ..expected.clone() };
    assert_eq!(read_metadata(&recorded("metadata_old.pickle")).unwrap(), old);
    assert_eq!(read_metadata(&write_metadata(&expected)).unwrap(), expected);
    assert_eq!(read_metadata(&write_metadata(&old)).unwrap(), old);
}
