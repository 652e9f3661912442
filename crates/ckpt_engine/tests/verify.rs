//! A full verification sees every bit of the data files.

mod support;

use ckpt_engine::{Checkpoint, Depth, Findings, Prepared, index, verify_against, verify_structure};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use support::{Case, noise};

/// A checkpoint of three tensors, one of them padded and in two chunks, and an object.
fn written() -> (Case, PathBuf, Prepared) {
    let mut case = Case::new();
    let matrix = case.tensor("BF16", &[8, 6], noise(96, 1));
    let wide = case.tensor("F32", &[5, 7], noise(140, 2));
    let copy = |tensor: usize, rows: u64, columns: u64| json!([{"tensor": tensor, "start": [0, 0], "size": [rows, columns], "offset": 0, "strides": [columns, 1]}]);
    case.whole("bfloat16", &[8, 6], copy(matrix, 8, 6));
    case.whole("float16", &[5, 7], copy(wide, 5, 7));
    case.object(0, "module._extra_state/shard_0_1");
    case.execute(&case.options()).unwrap();
    let prepared = case.prepare().unwrap();
    index(&prepared, &case.root(), false).unwrap();
    let dir = case.root().join("iter_0000000");
    (case, dir, prepared)
}

fn verify(dir: &std::path::Path, prepared: &Prepared, depth: Depth) -> Result<Findings, ckpt_engine::Error> {
    verify_against(&Checkpoint::open(dir)?, prepared, depth, 1, &AtomicBool::new(false))
}

#[test]
fn what_was_written_is_right_at_every_depth() {
    let (_case, dir, prepared) = written();
    for depth in [Depth::Full, Depth::Sampled] {
        assert!(verify(&dir, &prepared, depth).unwrap().faults.is_empty());
    }
    let checkpoint = Checkpoint::open(&dir).unwrap();
    let findings = verify_structure(&checkpoint, true, 1, &AtomicBool::new(false)).unwrap();
    assert!(findings.faults.is_empty(), "{:?}", findings.faults);
}

#[test]
fn one_flipped_bit_anywhere_is_found() {
    let (_case, dir, prepared) = written();
    let path = dir.join("__0_0.distcp");
    let whole = fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    for at in 0..whole.len() {
        let bit = 1 << (at * 5 % 8);
        bytes[at] ^= bit;
        fs::write(&path, &bytes).unwrap();
        let found = verify(&dir, &prepared, Depth::Full);
        assert!(found.is_err() || !found.unwrap().faults.is_empty(), "bit {bit} of byte {at} is not seen");
        bytes[at] ^= bit;
    }
}

#[test]
fn samples_reach_both_ends() {
    let mut case = Case::new();
    let rows = 1000;
    let tensor = case.tensor("BF16", &[rows, 256], noise(rows as usize * 512, 3));
    let copy =
        json!([{"tensor": tensor, "start": [0, 0], "size": [rows, 256], "offset": 0, "strides": [256, 1]}]);
    case.whole("bfloat16", &[rows, 256], copy);
    case.execute(&case.options()).unwrap();
    let prepared = case.prepare().unwrap();
    index(&prepared, &case.root(), false).unwrap();
    let dir = case.root().join("iter_0000000");
    let sampled = verify(&dir, &prepared, Depth::Sampled).unwrap();
    assert!(sampled.faults.is_empty());
    assert_eq!(sampled.bytes, 3 * (64 << 10));
    let path = dir.join("__0_0.distcp");
    let mut bytes = fs::read(&path).unwrap();
    let last = noise(rows as usize * 512, 3);
    let tail = &last[last.len() - 16..];
    let at = bytes.windows(16).rposition(|window| window == tail).unwrap();
    bytes[at + 15] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(verify(&dir, &prepared, Depth::Sampled).unwrap().faults.len(), 1);
}
