//! Whole files against the naive executor, in every mode and with segments that cut everything.

mod support;

use ckpt_engine::{Checkpoint, Depth, Options, ReadMode, Sharing, WriteMode, verify_against, verify_written};
use ckpt_torch_dist::{Value, save_object};
use serde_json::json;
use std::sync::atomic::AtomicBool;
use support::{Case, naive, noise};

fn object() -> Vec<u8> {
    let dtype = ckpt_torch_dist::TorchDtype::UInt8;
    save_object(&Value::List(vec![Value::Tensor { dtype, shape: vec![0], data: vec![] }]), "archive")
}

/// Asserts without printing megabytes.
fn assert_file(case: &Case, number: usize) {
    let path = case.plan["files"][number]["path"].as_str().unwrap();
    let (found, expected) = (case.file(path), naive::file(case, number, &object()));
    assert_eq!(found.len(), expected.len(), "{path}");
    let differs = found.iter().zip(&expected).position(|(a, b)| a != b);
    assert_eq!(differs, None, "first wrong byte of {path}");
}

/// Straight copies, casts, transposes, interleaving, broadcast, padding, single elements and empty tensors.
fn everything() -> Case {
    let mut case = Case::new();
    let big = case.tensor("BF16", &[700, 1000], noise(1_400_000, 1));
    case.whole(
        "bfloat16",
        &[700, 1000],
        json!([{"tensor": big, "start": [0, 0], "size": [700, 1000], "offset": 0, "strides": [1000, 1]}]),
    );
    case.object(0, "a._extra_state/shard_0_1");
    case.whole(
        "bfloat16",
        &[1000, 700],
        json!([{"tensor": big, "start": [0, 0], "size": [1000, 700], "offset": 0, "strides": [1, 1000]}]),
    );
    let wide = case.tensor("F32", &[400, 333], noise(532_800, 2));
    case.whole(
        "bfloat16",
        &[400, 333],
        json!([{"tensor": wide, "start": [0, 0], "size": [400, 333], "offset": 0, "strides": [333, 1]}]),
    );
    case.whole(
        "float16",
        &[333, 400],
        json!([{"tensor": wide, "start": [0, 0], "size": [333, 400], "offset": 0, "strides": [1, 333]}]),
    );
    case.whole("float32", &[3, 4, 11000], json!([
        {"tensor": wide, "start": [0, 0, 0], "size": [3, 2, 11000], "offset": 0, "strides": [22000, 11000, 1]},
        {"tensor": wide, "start": [0, 2, 0], "size": [3, 1, 11000], "offset": 66000, "strides": [11000, 11000, 1], "op": {"kind": "minus_one"}},
        {"tensor": wide, "start": [0, 3, 0], "size": [3, 1, 11000], "offset": 5, "strides": [0, 0, 2]},
    ]));
    for size in [1u64, 2, 3, 63] {
        case.whole(
            "bfloat16",
            &[size],
            json!([{"tensor": big, "start": [0], "size": [size], "offset": size, "strides": [1]}]),
        );
        case.object(0, &format!("b{size}._extra_state/shard_0_1"));
    }
    let half = case.tensor("F16", &[], noise(2, 3));
    case.whole(
        "float32",
        &[],
        json!([{"tensor": half, "start": [], "size": [], "offset": 0, "strides": []}]),
    );
    case.whole("int64", &[0, 5], json!([]));
    let ones = case.key("bfloat16", &[3, 700]);
    case.chunk(
        0,
        json!({
            "key": ones, "offsets": [0, 0], "sizes": [3, 700], "extent": [3, 700], "fill": "one",
            "copies": [{"tensor": big, "start": [1, 7], "size": [2, 650], "offset": 3, "strides": [0, 1]}],
        }),
    );
    // A padded key in two chunks, stored with a leading axis.
    let key = case.key("bfloat16", &[2, 750, 1000]);
    for layer in 0..2 {
        case.chunk(0, json!({
            "key": key, "offsets": [layer, 0, 0], "sizes": [1, 750, 1000], "extent": [750, 1000], "fill": "zero",
            "copies": [{"tensor": big, "start": [layer, 0], "size": [700, 999], "offset": layer, "strides": [1000, 1]}],
        }));
    }
    case
}

#[test]
fn every_mode_writes_the_same_bytes() {
    let case = everything();
    let modes = [
        (ReadMode::Pread, Some(WriteMode::Buffered)),
        (ReadMode::Pread, None),
        (ReadMode::Mmap, None),
        (ReadMode::Direct, None),
        (ReadMode::Auto, None),
    ];
    for (read_mode, write_mode) in modes {
        for (threads, memory) in [(1, 1 << 20), (4, 2 << 20), (7, 64 << 20)] {
            let options = Options { threads: Some(threads), memory, read_mode, write_mode, ..case.options() };
            let report = case.execute(&options).unwrap();
            assert!(report.memory <= memory && report.threads <= threads);
            assert_file(&case, 0);
            assert_eq!(report.files.len(), 1);
            for (path, bytes) in &report.files {
                assert_eq!(case.file(path).len() as u64, *bytes, "{path}");
            }
            assert_eq!(case.file("iter_0000000/.metadata")[..2], [0x80, 4]);
        }
    }
}

/// Placed for sharing, a payload begins in a block where its source does; what the filesystem copies by itself, and what
/// it refuses to, reads back as the plan has it.
#[test]
fn shared_blocks_hold_the_same_tensors() {
    let mut case = everything();
    case.plan["share"] = json!(true);
    let prepared = case.prepare().unwrap();
    let mut shared = Vec::new();
    for sharing in [None, Some(Sharing::CopyRange), Some(Sharing::Clone)] {
        for write_mode in [None, Some(WriteMode::Buffered)] {
            let options = Options { sharing, write_mode, memory: 4 << 20, ..case.options() };
            let report = case.execute(&options).unwrap();
            shared.push((sharing, report.bytes_shared));
            assert!(verify_written(&prepared, &case.root()).unwrap().faults.is_empty());
            let checkpoint = Checkpoint::open(&case.root().join("iter_0000000")).unwrap();
            let findings =
                verify_against(&checkpoint, &prepared, Depth::Full, 2, &AtomicBool::new(false)).unwrap();
            assert_eq!(findings.faults, Vec::<String>::new());
            let straight = checkpoint.headers.iter().flatten().next().unwrap();
            let source = case.plan["tensors"][0]["begin"].as_u64().unwrap();
            assert_eq!(straight.payload_position % 4096, source % 4096);
        }
    }
    // The straight copy's whole blocks, in segments of 256 KiB.
    let by_range: u64 = shared.iter().filter(|(how, _)| *how == Some(Sharing::CopyRange)).map(|s| s.1).sum();
    assert!(by_range >= 2 * 1_000_000, "{shared:?}");
    assert!(shared.iter().all(|(how, bytes)| how.is_some() || *bytes == 0));
}

#[test]
fn what_was_written_is_looked_at_again() {
    let case = everything();
    case.execute(&case.options()).unwrap();
    let prepared = case.prepare().unwrap();
    let faults = || verify_written(&prepared, &case.root()).unwrap().faults;
    assert_eq!(faults(), Vec::<String>::new());
    let overwrite = |name: &str, at: usize| {
        let path = case.root().join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let found = faults();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        found
    };
    assert!(overwrite("iter_0000000/.metadata", 100)[0].contains("not as it was written"));
    assert!(overwrite("iter_0000000/common.pt", 100)[0].contains("not as it was written"));
    assert!(overwrite("iter_0000000/__0_0.distcp", 0)[0].contains("item 0"));
    let path = case.root().join("iter_0000000/__0_0.distcp");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(faults()[0].contains("bytes, expected"));
}

#[test]
fn many_small_items_and_borders_everywhere() {
    let mut case = Case::new();
    let tensor = case.tensor("BF16", &[100_000], noise(200_000, 4));
    // Item lengths that walk over segment borders: prefixes, payloads, descriptors and directories get cut.
    for at in 0..1500u64 {
        let size = at % 97 + 1;
        case.whole(
            "bfloat16",
            &[size],
            json!([{"tensor": tensor, "start": [0], "size": [size], "offset": at * 60, "strides": [1]}]),
        );
        if at % 3 == 0 {
            case.object(0, &format!("o{at}._extra_state/shard_0_1"));
        }
    }
    case.execute(&Options { memory: 2 << 20, threads: Some(6), ..case.options() }).unwrap();
    assert_file(&case, 0);
}

#[test]
fn a_rank_writes_its_files_and_nothing_else() {
    let mut case = everything();
    let tensor = 0;
    support::list(&mut case.plan["files"])
        .push(json!({"path": "iter_0000000/__1_0.distcp", "rank": 1, "items": []}));
    let key = case.key("bfloat16", &[10]);
    case.chunk(
        1,
        json!({"key": key, "offsets": [0], "sizes": [10], "extent": [10],
        "copies": [{"tensor": tensor, "start": [0], "size": [10], "offset": 3, "strides": [1]}]}),
    );
    let report = case.execute(&Options { rank: Some(1), ..case.options() }).unwrap();
    assert_eq!(report.files.len(), 1);
    assert_eq!(report.files[0].0, "iter_0000000/__1_0.distcp");
    assert_file(&case, 1);
    assert!(!case.root().join("iter_0000000/__0_0.distcp").exists());
}

/// Fifty thousand items are checked and laid out in a moment: decoding and checking are part of every dry run.
#[test]
fn large_plans_are_checked_quickly() {
    let mut case = Case::new();
    let tensor = case.tensor("BF16", &[64, 64], noise(8192, 5));
    let template = case.plan["tensors"][tensor].clone();
    for number in 1..90_000 {
        let mut named = template.clone();
        named["name"] = json!(format!("model.layers.{}.mlp.experts.{number}.up_proj.weight", number / 512));
        support::list(&mut case.plan["tensors"]).push(named);
    }
    let key = case.key("bfloat16", &[90, 512, 64, 64]);
    for layer in 0..90u64 {
        for expert in 0..512u64 {
            case.chunk(0, json!({
                "key": key, "offsets": [layer, expert, 0, 0], "sizes": [1, 1, 64, 64], "extent": [64, 64],
                "copies": [{"tensor": layer * 512 + expert, "start": [0, 0], "size": [64, 64], "offset": 0, "strides": [64, 1]}],
            }));
        }
    }
    let json = serde_json::to_vec(&case.plan).unwrap();
    let began = std::time::Instant::now();
    let layout = ckpt_engine::Prepared::new(serde_json::from_slice(&json).unwrap()).unwrap();
    assert_eq!(layout.files()[0].item_count(), 90 * 512);
    assert!(began.elapsed().as_secs_f64() < 30.0, "{:?}", began.elapsed());
}

#[test]
fn an_object_may_be_given_as_another_checkpoint_stores_it() {
    let file = |state: Option<serde_json::Value>| {
        let mut case = Case::new();
        case.object(0, "module._extra_state/shard_0_1");
        if let Some(state) = state {
            case.plan["objects"]["state"] = state;
        }
        case.execute(&case.options()).unwrap();
        case.file("iter_0000000/__0_0.distcp")
    };
    let hex: String = object().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(file(Some(json!({"stored": hex}))), file(None));
}
