//! Plans that write safetensors files: their bytes, how interrupted ones go on, what they may not hold, and how what is
//! wrong with finished ones is found.

mod support;

use ckpt_engine::{Control, Error, JournalOptions, Options, WriteMode, execute, verify_files};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use support::{Case, list, naive, noise};

/// Two files: one of several dtypes, a transposed and an empty tensor among them, and a large one.
fn case() -> Case {
    let mut case = Case::new();
    case.plan["container"] = json!("safetensors");
    case.plan["archives"] = json!([]);
    case.plan["objects"] = json!({});
    case.plan.as_object_mut().unwrap().remove("metadata");
    case.plan["files"] = json!([
        {"path": "model-00001-of-00002.safetensors", "rank": 0, "header": {"format": "pt"}, "items": []},
        {"path": "model-00002-of-00002.safetensors", "rank": 0, "header": {"format": "pt"}, "items": []},
    ]);
    let wide = case.tensor("F32", &[40, 33], noise(5280, 2));
    let big = case.tensor("BF16", &[700, 1000], noise(1_400_000, 1));
    case.whole(
        "float32",
        &[40, 33],
        json!([{"tensor": wide, "start": [0, 0], "size": [40, 33], "offset": 0, "strides": [33, 1], "op": {"kind": "plus_one"}}]),
    );
    case.whole("float32", &[0, 5], json!([]));
    case.whole(
        "bfloat16",
        &[1000, 700],
        json!([{"tensor": big, "start": [0, 0], "size": [1000, 700], "offset": 0, "strides": [1, 1000]}]),
    );
    let key = case.key("bfloat16", &[700, 1000]);
    case.chunk(
        1,
        json!({"key": key, "offsets": [0, 0], "sizes": [700, 1000], "extent": [700, 1000], "copies": [
            {"tensor": big, "start": [0, 0], "size": [700, 1000], "offset": 0, "strides": [1000, 1]},
        ]}),
    );
    case
}

/// A whole file as the plan says it: the header, then the payloads.
fn expected(case: &Case, number: usize) -> Vec<u8> {
    let file = &case.plan["files"][number];
    let items = file["items"].as_array().unwrap();
    let keys: Vec<&Value> =
        items.iter().map(|item| &case.plan["keys"][item["key"].as_u64().unwrap() as usize]).collect();
    let shapes: Vec<Vec<u64>> =
        keys.iter().map(|key| serde_json::from_value(key["shape"].clone()).unwrap()).collect();
    let tensors = keys.iter().zip(&shapes).map(|(key, shape)| {
        let dtype = ckpt_tensor::Dtype::from_torch(key["dtype"].as_str().unwrap()).unwrap();
        (key["key"].as_str().unwrap(), dtype, shape.as_slice())
    });
    let metadata = BTreeMap::from([("format".to_string(), "pt".to_string())]);
    let mut bytes = ckpt_safetensors::write_header(&metadata, tensors).unwrap();
    items.iter().for_each(|item| bytes.extend(naive::payload(case, item)));
    bytes
}

fn path(case: &Case, number: usize) -> String {
    case.plan["files"][number]["path"].as_str().unwrap().to_string()
}

fn assert_files(case: &Case) {
    for number in 0..2 {
        assert!(case.file(&path(case, number)) == expected(case, number), "file {number}");
    }
}

fn faults(case: &Case, payloads: bool) -> Vec<String> {
    let stop = AtomicBool::new(false);
    verify_files(&case.prepare().unwrap(), &case.root(), payloads, 2, &stop).unwrap().faults
}

#[test]
fn files_are_header_and_payloads_in_every_mode() {
    for write_mode in [None, Some(WriteMode::Buffered)] {
        let case = case();
        let report = case.execute(&Options { write_mode, ..case.options() }).unwrap();
        assert_eq!(report.items, 4);
        assert_files(&case);
        assert!(!case.root().join("iter_0000000").exists());
        assert_eq!(faults(&case, true), [""; 0]);
    }
}

#[test]
fn an_interrupted_run_goes_on() {
    let case = case();
    let journal = || Some(JournalOptions { path: "../journal".into(), digest: "d".into() });
    let stop = AtomicBool::new(false);
    let seen = AtomicU64::new(0);
    let options = Options { threads: Some(1), journal: journal(), ..case.options() };
    let mut watch = |progress: ckpt_engine::Progress| {
        if progress.done > 0 && seen.fetch_add(1, Ordering::Relaxed) == 0 {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let mut control = Control { stop: &stop, on_progress: &mut watch };
    // A fast run may be done before it hears of the stop.
    match execute(&case.prepare().unwrap(), &options, &mut control) {
        Ok(_) | Err(Error::Interrupted { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    let report = case.execute(&Options { journal: journal(), ..case.options() }).unwrap();
    assert!(report.bytes_resumed <= report.payload_bytes);
    assert_files(&case);
}

#[test]
fn what_is_wrong_with_finished_files_is_found() {
    let case = case();
    case.execute(&case.options()).unwrap();
    let second = case.root().join(path(&case, 1));
    let whole = fs::read(&second).unwrap();

    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&second, &changed).unwrap();
    assert_eq!(faults(&case, false), [""; 0]);
    assert_eq!(faults(&case, true), ["layer.3.weight: element 699999 differs"]);

    let mut renamed = whole.clone();
    let at = renamed.windows(5).position(|part| part == b"layer").unwrap();
    renamed[at] = b'L';
    fs::write(&second, &renamed).unwrap();
    assert!(faults(&case, false)[0].contains("another header"));

    fs::write(&second, &whole[..whole.len() - 1]).unwrap();
    assert!(faults(&case, false)[0].contains("bytes instead of"));
    fs::remove_file(&second).unwrap();
    assert!(faults(&case, false)[0].contains("is missing"));
}

#[test]
fn what_a_safetensors_file_cannot_hold_is_refused() {
    let refusal = |change: &dyn Fn(&mut Case)| {
        let mut case = case();
        change(&mut case);
        let error = case.prepare().err().expect("a refusal");
        assert_eq!(error.code(), "PLAN_INVALID");
        error.to_string()
    };
    assert!(
        refusal(&|case| {
            case.plan["objects"] = json!({"state": null});
            case.object(0, "module._extra_state");
        })
        .contains("an object in a safetensors file")
    );
    assert!(
        refusal(&|case| {
            case.plan["metadata"] = json!({"path": ".metadata", "checkpointId": "", "saveId": ""});
        })
        .contains(".metadata")
    );
    assert!(
        refusal(&|case| {
            let one = json!([{"tensor": 1, "start": [0], "size": [1], "offset": 0, "strides": [1]}]);
            case.whole("bfloat16", &[1], one);
            list(&mut case.plan["files"][0]["items"]).reverse();
        })
        .contains("begin at byte")
    );
    assert!(
        refusal(&|case| case.plan["keys"][3]["key"] = json!("__metadata__")).contains("cannot be called")
    );
    assert!(
        refusal(&|case| {
            case.plan["files"][1]["items"] = json!([]);
            for offset in [0, 350] {
                case.chunk(1, json!({"key": 3, "offsets": [offset, 0], "sizes": [350, 1000], "extent": [350, 1000], "copies": [
                    {"tensor": 1, "start": [0, 0], "size": [350, 1000], "offset": 0, "strides": [1000, 1]},
                ]}));
            }
        })
        .contains("whole tensors")
    );
    assert!(refusal(&|case| case.plan["container"] = json!("torch_dist")).contains("no .metadata"));
}
