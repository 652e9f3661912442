//! The bytes that torch itself wrote (recorded by test/oracle/record_torch_save.py).

use crate::recorded::{objects, pattern, recorded};
use ckpt_torch_dist::{TensorItem, TorchDtype, Value, save_object};

fn whole_item(dtype: TorchDtype, shape: &[u64]) -> Vec<u8> {
    let item = TensorItem::new(dtype, shape, 12345, None).unwrap();
    let payload = pattern(item.payload_len());
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

fn crc_of_zeros(size: u64) -> u32 {
    let mut block = vec![0; 1 << 20];
    let mut power = crc32fast::Hasher::new();
    let mut power_len = block.len() as u64;
    power.update(&block);
    block.truncate((size % power_len) as usize);
    let mut crc = crc32fast::Hasher::new();
    crc.update(&block);
    while power_len <= size {
        if size & power_len != 0 {
            crc.combine(&power);
        }
        power.combine(&power.clone());
        power_len *= 2;
    }
    crc.finalize()
}

/// Sizes on both sides of zip64: the payload itself and the records after it move to 8-byte fields.
#[test]
fn items_around_4_gib() {
    for size in [(1u64 << 32) - 2, (1 << 32) - 1, (1 << 32) + 1000] {
        let item = TensorItem::new(TorchDtype::UInt8, &[size], 0, None).unwrap();
        assert_eq!(item.prefix(), recorded(&format!("zeros_{size}.head")), "{size}");
        let tail = recorded(&format!("zeros_{size}.tail"));
        assert_eq!(item.trailer(crc_of_zeros(size)), tail, "{size}");
        assert_eq!(item.len(), item.prefix().len() as u64 + size + tail.len() as u64);
    }
}

#[test]
fn whole_objects() {
    for (name, value) in objects() {
        assert!(save_object(&value, name) == recorded(&format!("{name}.pt")), "{name}");
    }
}

/// The sizes of the two objects that a checkpoint has most of.
#[test]
fn extra_states() {
    let (_, empty) = objects().swap_remove(0);
    assert_eq!(save_object(&empty, "archive").len(), 1513);
    assert_eq!(save_object(&Value::List(vec![Value::None]), "archive").len(), 1261);
}
