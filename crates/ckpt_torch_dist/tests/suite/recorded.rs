//! The recorded files and, for each, the value that it was recorded from.

use std::path::Path;

use ckpt_torch_dist::{TorchDtype, Value};

pub fn recorded(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The recorder's elements: bytes 0, 1, 0, 1 …
pub fn pattern(len: u64) -> Vec<u8> {
    (0..len).map(|i| (i % 2) as u8).collect()
}

pub fn scalar(dtype: TorchDtype, data: &[u8]) -> Value {
    Value::Tensor { dtype, shape: vec![], data: data.to_vec() }
}

pub fn dict(pairs: Vec<(&str, Value)>) -> Value {
    Value::Dict(pairs.into_iter().map(|(key, value)| (Value::str(key), value)).collect())
}

fn ints(numbers: std::ops::Range<i64>) -> Vec<Value> {
    numbers.map(Value::Int).collect()
}

/// Recorded as `<name>.pt`.
pub fn objects() -> Vec<(&'static str, Value)> {
    let empty = Value::Tensor { dtype: TorchDtype::UInt8, shape: vec![0], data: vec![] };
    let content =
        [("singleton_local_shards", Value::Bool(false)), ("chained_optim_avoid_prefix", Value::Bool(true))];
    let common = vec![
        ("checkpoint_version", Value::Float(3.0)),
        ("iteration", Value::Int(0)),
        ("content_metadata", dict(content.into())),
    ];
    let tensors = (0..40).map(|i| scalar(TorchDtype::UInt8, &[i])).collect();
    let batches = vec![
        ("list", Value::List(ints(0..2001))),
        ("dict", Value::Dict((0..1001).map(|i| (Value::Int(i), Value::None)).collect())),
    ];
    vec![
        ("extra_state", Value::List(vec![empty])),
        ("none", Value::List(vec![Value::None])),
        ("common", dict(common)),
        ("train_state", train_state()),
        ("many_tensors", Value::List(tensors)),
        ("scalars", scalars()),
        ("batches", dict(batches)),
    ]
}

fn train_state() -> Value {
    let counter = || scalar(TorchDtype::Int32, &[0; 4]);
    let flag = || scalar(TorchDtype::Bool, &[0]);
    dict(vec![
        ("step", counter()),
        ("consumed_train_samples", counter()),
        ("skipped_train_samples", counter()),
        ("consumed_valid_samples", counter()),
        ("floating_point_operations_so_far", scalar(TorchDtype::Float32, &[0; 4])),
        ("do_train", flag()),
        ("do_valid", flag()),
        ("do_test", flag()),
    ])
}

fn scalars() -> Value {
    let integers =
        [0, 255, 256, 65535, 65536, -1, (1 << 31) - 1, 1 << 31, -(1 << 31) - 1, i64::MAX, i64::MIN];
    let floats = [0.0, -1.5, f64::INFINITY, f64::NEG_INFINITY];
    let mut list = vec![Value::None, Value::Bool(true), Value::Bool(false)];
    list.extend(integers.map(Value::Int));
    list.extend(floats.map(Value::Float));
    list.extend(["", "naïve ✓", &"x".repeat(300)].map(Value::str));
    list.extend([vec![], vec![0, 255]].map(Value::Bytes));
    list.extend((1..6).map(|end| Value::Tuple(ints(1..end))));
    list.extend([Value::List(vec![]), Value::List(ints(1..2))]);
    list.extend([Value::Dict(vec![]), dict(vec![("a", Value::Int(1))])]);
    list.extend([Value::Set(ints(7..8)), Value::FrozenSet(vec![])]);
    Value::List(list)
}
