//! The bytes that torch itself wrote (recorded by test/oracle/record_torch_save.py).

mod data;

use ckpt_torch_dist::{TensorItem, TorchDtype, Value, save_object};
use data::recorded;

fn whole_item(dtype: TorchDtype, shape: &[u64]) -> Vec<u8> {
    let item = TensorItem::new(dtype, shape, 12345, None).unwrap();
    let payload = data::pattern(item.payload_len());
    let mut bytes = item.prefix().to_vec();
    bytes.extend(&payload);
    bytes.extend(item.trailer(crc32fast::hash(&payload)));
    assert_eq!(bytes.len() as u64, item.len());
    bytes
}

#[test]
fn items_of_every_dtype() {
    for &dtype in TorchDtype::ALL {
        let name = dtype.name();
        assert_eq!(whole_item(dtype, &[1, 2, 3]), recorded(&format!("tensor_{name}.item")), "{name}");
    }
}

#[test]
fn items_of_other_ranks() {
    assert_eq!(whole_item(TorchDtype::BFloat16, &[3, 0, 2]), recorded("tensor_empty.item"));
    assert_eq!(whole_item(TorchDtype::BFloat16, &[2, 1, 3, 300]), recorded("tensor_4d.item"));
    let scalar = Value::Tensor { dtype: TorchDtype::Int32, shape: vec![], data: 7i32.to_le_bytes().to_vec() };
    assert_eq!(save_object(&scalar, "archive"), recorded("tensor_scalar.item"));
}

/// Sizes on both sides of zip64: the payload itself and the records after it move to 8-byte fields.
#[test]
fn items_around_4_gib() {
    for size in [(1u64 << 32) - 2, (1 << 32) - 1, (1 << 32) + 1000] {
        let item = TensorItem::new(TorchDtype::UInt8, &[size], 0, None).unwrap();
        assert_eq!(item.prefix(), recorded(&format!("zeros_{size}.head")), "{size}");
        let tail = recorded(&format!("zeros_{size}.tail"));
        assert_eq!(item.trailer(data::crc_of_zeros(size)), tail, "{size}");
        assert_eq!(item.len(), item.prefix().len() as u64 + size + tail.len() as u64);
    }
}

#[test]
fn objects() {
    for (name, value) in data::objects() {
        assert!(save_object(&value, name) == recorded(&format!("{name}.pt")), "{name}");
    }
}

/// The sizes of the two objects that a checkpoint has most of.
#[test]
fn extra_states() {
    let (_, empty) = data::objects().swap_remove(0);
    assert_eq!(save_object(&empty, "archive").len(), 1513);
    assert_eq!(save_object(&Value::List(vec![Value::None]), "archive").len(), 1261);
}
