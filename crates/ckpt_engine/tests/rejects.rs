//! Plans that lie: each is refused with a sentence that names the lie, before anything is touched.

mod support;

use serde_json::{Value, json};
use support::{Case, noise};

/// A plan with a matrix in two chunks, one of them padded, and an object.
fn case() -> Case {
    let mut case = Case::new();
    let tensor = case.tensor("BF16", &[8, 6], noise(96, 1));
    case.tensor("F32", &[2, 3], noise(24, 2));
    case.tensor("F8_E4M3", &[8, 6], noise(48, 3));
    let key = case.key("bfloat16", &[2, 8, 6]);
    let copies = json!([
        {"tensor": tensor, "start": [0, 0], "size": [4, 6], "offset": 0, "strides": [6, 1]},
        {"tensor": tensor, "start": [4, 0], "size": [4, 6], "offset": 24, "strides": [6, 1]},
    ]);
    case.chunk(
        0,
        json!({"key": key, "offsets": [0, 0, 0], "sizes": [1, 8, 6], "extent": [8, 6], "copies": copies}),
    );
    case.chunk(0, json!({"key": key, "offsets": [1, 0, 0], "sizes": [1, 8, 6], "extent": [8, 6], "copies": [], "fill": "zero"}));
    case.object(0, "module._extra_state/shard_0_1");
    case
}

fn refusal(plan: Value) -> Option<String> {
    match serde_json::from_value(plan) {
        Err(error) => Some(error.to_string()),
        Ok(plan) => ckpt_engine::Prepared::new(plan).err().map(|error| {
            assert_eq!(error.code(), "PLAN_INVALID");
            error.to_string()
        }),
    }
}

/// The place in the plan, what it becomes (null: it goes), a part of the message.
#[rustfmt::skip]
fn lies() -> Vec<(&'static str, Value, &'static str)> {
    let item = "/files/0/items/0";
    let join = |from: &str, path: &str| -> &'static str { Box::leak(format!("{from}{path}").into_boxed_str()) };
    let at = |path: &str| join(item, path);
    let form = |path: &str| join("/forms/0", path);
    vec![
        ("/version", json!(1), "version 1"),
        ("/surprise", json!(1), "unknown field `surprise`"),
        ("/objects/state", json!({"stored": "8"}), "not hexadecimal"),
        ("/objects/state", json!({"stored": "8g"}), "not hexadecimal"),
        ("/objects/common", json!({"stored": "80"}), "which is not defined"),
        ("/metadata", Value::Null, "has no .metadata"),
        ("/sources/0/bytes", json!(50), "not where its shape"),
        ("/sources/0/bytes", json!(-1), "invalid value"),
        ("/tensors/0/source", json!(9), "in no source"),
        ("/tensors/0/dtype", json!("BF17"), "dtype BF17"),
        ("/tensors/0/shape", json!([8, 7]), "not where its shape"),
        ("/tensors/0/shape", json!([u64::MAX, 8]), "not where its shape"),
        ("/tensors/0/begin", json!(1000), "not where its shape"),
        ("/keys/0/dtype", json!("bfloat17"), "dtype bfloat17"),
        ("/keys/0/shape", json!([3, 8, 6]), "do not cover it exactly once"),
        ("/keys/1", json!({"key": "layer.0.weight", "dtype": "bfloat16", "shape": [0]}), "a key is there twice"),
        ("/keys/1", json!({"key": "unused", "dtype": "bfloat16", "shape": [2]}), "chunks of unused do not cover"),
        ("/keys/1", json!({"key": "empty", "dtype": "bfloat16", "shape": [0]}), "chunks of empty do not cover"),
        ("/files/0/path", json!("/iter/x"), "not a plain path"),
        ("/files/0/path", json!("../x"), "not a plain path"),
        ("/files/0/path", json!("iter/../../x"), "not a plain path"),
        ("/files/0/path", json!("iter//x"), "not a plain path"),
        ("/files/0/path", json!("iter/./x"), "not a plain path"),
        ("/files/0/path", json!("iter\\x"), "not a plain path"),
        ("/files/0/path", json!("C:x"), "not a plain path"),
        ("/files/0/path", json!("iter/x\0"), "not a plain path"),
        ("/files/0/path", json!(""), "not a plain path"),
        ("/files/0/path", json!("iter_0000000/common.pt"), "is there twice"),
        ("/files/0/path", json!("iter_0000000"), "is a file and a folder"),
        ("/files/0/rank", json!(-1), "invalid value"),
        ("/metadata/path", json!("../.metadata"), "not a plain path"),
        ("/archives/0/path", json!("iter_0000000/.metadata"), "is there twice"),
        ("/archives/0/object", json!("nothing"), "which is not defined"),
        ("/objects/common", json!([1]), "is a bare list"),
        ("/objects/common", json!({"list": [{"float": "many"}]}), "is not a float"),
        ("/objects/common", json!(1.5), "is not an integer"),
        ("/objects/common", json!({"tensor": {"dtype": "int32", "shape": [2], "data": [1]}}), "is not a tensor"),
        ("/objects/common", json!({"list": [], "tuple": []}), "is not of one kind"),
        ("/files/0/items/2/object", json!("nothing"), "which is not defined"),
        ("/files/0/items/2/key", json!("layer.0.weight"), "is there twice"),
        (at("/key"), json!(7), "key number 7"),
        (at("/surprise"), json!(7), "unknown field `surprise`"),
        (at("/object"), json!("state"), "neither a tensor chunk nor an object"),
        (at("/key"), json!("layer.1.weight"), "neither a tensor chunk nor an object"),
        (at("/offsets"), Value::Null, "neither a tensor chunk nor an object"),
        (at("/form"), json!(9), "has an unknown form"),
        (at("/tensors"), json!([]), "its tensor 0, which the plan has not"),
        (at("/tensors/0"), json!(9), "its tensor 0, which the plan has not"),
        (at("/tensors/0"), json!(1), "reads past the end of tensor-1"),
        (at("/tensors/0"), json!(2), "would need a cast"),
        (form("/surprise"), json!(7), "unknown field `surprise`"),
        (form("/fill"), json!("ones"), "unknown variant `ones`"),
        (at("/offsets"), json!([0, 0]), "another rank"),
        (at("/offsets"), json!([1, 0, 0]), "do not cover it exactly once"),
        (at("/offsets"), json!([2, 0, 0]), "leaves it"),
        (at("/offsets"), json!([u64::MAX, 0, 0]), "leaves it"),
        (form("/sizes"), json!([1, 4, 6]), "space of another size"),
        (form("/sizes"), json!([1, 9, 6]), "space of another size"),
        (form("/extent"), json!([8, 5]), "space of another size"),
        (form("/extent"), json!([u64::MAX, 6]), "space of another size"),
        (form("/copies/0/tensor"), json!(1), "its tensor 1, which the plan has not"),
        (form("/copies/0/start"), json!([0]), "copy of another rank"),
        (form("/copies/0/start"), json!([5, 0]), "a copy that leaves it"),
        (form("/copies/0/start"), json!([1, 0]), "written twice"),
        (form("/copies/0/size"), json!([0, 6]), "a copy that leaves it"),
        (form("/copies/0/size"), json!([5, 6]), "written twice"),
        (form("/copies/0/size"), json!([3, 6]), "is not covered"),
        (form("/copies/0/offset"), json!(25), "reads past the end"),
        (form("/copies/0/offset"), json!(u64::MAX), "stride beyond all bounds"),
        (form("/copies/0/strides"), json!([15, 1]), "reads past the end"),
        (form("/copies/0/strides"), json!([u64::MAX, 1]), "stride beyond all bounds"),
        (form("/copies/0/strides"), json!([-6, 1]), "invalid value"),
        (form("/copies/0/op"), json!({"kind": "plus_two"}), "unknown variant `plus_two`"),
        (form("/copies/0/op"), json!({"kind": "dequant_mxfp4", "scale": 1}), "would need a cast"),
        (form("/copies/0/op"), json!({"kind": "dequant_int4", "scale": 1, "group": 0}), "would need a cast"),
        (form("/copies/0/op"), json!({"kind": "dequant_block", "scale": 1, "block": [4, 2], "columns": 6}), "would need a cast"),
    ]
}

#[test]
fn lies_are_found() {
    assert_eq!(refusal(case().plan), None);
    for (place, value, expected) in lies() {
        let mut plan = case().plan;
        let (parent, name) = place.rsplit_once('/').unwrap();
        match plan.pointer_mut(parent).unwrap() {
            Value::Object(map) if value.is_null() => drop(map.remove(name)),
            Value::Object(map) => drop(map.insert(name.into(), value.clone())),
            Value::Array(list) => match name.parse::<usize>() {
                Ok(at) if at < list.len() => list[at] = value.clone(),
                _ => list.push(value.clone()),
            },
            _ => unreachable!("{place}"),
        }
        let found = refusal(plan).unwrap_or_else(|| panic!("{place} = {value} is accepted"));
        assert!(found.contains(expected), "{place} = {value}: {found}");
    }
}

#[test]
fn scales_must_fit_their_tensor() {
    let scaled_by = |dtype: &str, bytes: u64, shape: [u64; 2], block: [u64; 2], columns: u64| {
        let mut case = Case::new();
        let tensor = case.tensor("F8_E4M3", &[8, 6], noise(48, 3));
        let scale = case.tensor(dtype, &shape, noise((shape[0] * shape[1] * bytes) as usize, 4));
        case.whole("bfloat16", &[8, 6], json!([{"tensor": tensor, "start": [0, 0], "size": [8, 6], "offset": 0,
            "strides": [6, 1], "op": {"kind": "dequant_block", "scale": scale, "block": block, "columns": columns}}]));
        refusal(case.plan)
    };
    let quantised = |shape, block, columns| scaled_by("F32", 4, shape, block, columns);
    assert_eq!(quantised([2, 3], [4, 2], 6), None);
    assert_eq!(scaled_by("F8_E8M0", 1, [2, 3], [4, 2], 6), None);
    assert!(scaled_by("I8", 1, [2, 3], [4, 2], 6).unwrap().contains("would need a cast"));
    for (shape, block, columns) in [
        ([2, 2], [4, 2], 6),
        ([2, 3], [0, 2], 6),
        ([2, 3], [4, 2], 0),
        ([2, 3], [4, 2], 5),
        ([2, 3], [4, 2], 7),
    ] {
        assert!(quantised(shape, block, columns).unwrap().contains("would need a cast"));
    }
}
