//! Matrices with low-rank updates against sums that are too simple to be wrong.

mod support;

use ckpt_engine::Checkpoint;
use half::bf16;
use serde_json::{Value, json};
use support::{Case, list, noise};

const ROWS: usize = 700;
const COLUMNS: usize = 300;
const RANK: usize = 5;

/// Numbers between -1 and 1 that bfloat16 holds.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    noise(count, seed).iter().map(|&byte| f32::from(byte) / 128.0 - 1.0).collect()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn rounded(value: f32) -> f32 {
    bf16::from_f32(value).to_f32()
}

/// A plan with a bfloat16 weight and the matrices of an update: 0 left, 1 right, 2 row lengths, 3 column lengths.
struct Merge {
    case: Case,
    weight: Vec<f32>,
    left: Vec<f32>,
    right: Vec<f32>,
}

impl Merge {
    fn new() -> Merge {
        let weight = numbers(ROWS * COLUMNS, 1);
        let (left, right) = (numbers(ROWS * RANK, 2), numbers(RANK * COLUMNS, 3));
        let mut case = Case::new();
        let stored = weight.iter().flat_map(|&value| bf16::from_f32(value).to_le_bytes()).collect();
        case.tensor("BF16", &[ROWS as u64, COLUMNS as u64], stored);
        case.plan["matrices"] = json!([]);
        // The left factor is stored the other way round.
        let turned: Vec<f32> = (0..RANK * ROWS).map(|at| left[at % ROWS * RANK + at / ROWS]).collect();
        matrix(&mut case, &turned, &[ROWS, RANK], &[1, ROWS]);
        matrix(&mut case, &right, &[RANK, COLUMNS], &[COLUMNS, 1]);
        matrix(&mut case, &numbers(ROWS, 4), &[ROWS], &[1]);
        matrix(&mut case, &numbers(COLUMNS, 5), &[COLUMNS], &[1]);
        Merge { case, weight, left, right }
    }

    fn op(&self, updates: Value) -> Value {
        json!({"kind": "low_rank", "offset": 0, "rows": ROWS, "columns": COLUMNS, "dtype": "bfloat16",
               "updates": updates})
    }

    /// What the checkpoint holds of a weight that is copied with these strides.
    fn run(mut self, shape: [usize; 2], strides: [usize; 2], updates: Value) -> Vec<f32> {
        let op = self.op(updates);
        let copies =
            json!([{"tensor": 0, "start": [0, 0], "size": shape, "offset": 0, "strides": strides, "op": op}]);
        self.case.whole("bfloat16", &shape.map(|n| n as u64), copies);
        self.case.execute(&self.case.options()).unwrap();
        let checkpoint = Checkpoint::open(&self.case.root().join("iter_0000000")).unwrap();
        let mut out = vec![0; ROWS * COLUMNS * 2];
        checkpoint.reader().read(0, 0, &mut out).unwrap();
        out.chunks_exact(2).map(|two| bf16::from_le_bytes([two[0], two[1]]).to_f32()).collect()
    }

    fn product(&self, at: usize) -> f32 {
        let (row, column) = (at / COLUMNS, at % COLUMNS);
        (0..RANK)
            .fold(0f32, |sum, k| self.left[row * RANK + k].mul_add(self.right[k * COLUMNS + column], sum))
    }

    fn sums(&self, scale: f32) -> Vec<f32> {
        (0..ROWS * COLUMNS).map(|at| self.weight[at] + self.product(at) * scale).collect()
    }
}

fn matrix(case: &mut Case, stored: &[f32], shape: &[usize], strides: &[usize]) {
    let tensor = case.tensor("F32", &[stored.len() as u64], bytes(stored));
    let start = vec![0; shape.len()];
    let copy = json!({"tensor": 0, "start": start, "size": shape, "offset": 0, "strides": strides});
    let forms = list(&mut case.plan["forms"]);
    forms.push(json!({"sizes": shape, "extent": shape, "copies": [copy]}));
    let form = forms.len() - 1;
    list(&mut case.plan["matrices"]).push(json!({"form": form, "tensors": [tensor]}));
}

#[test]
fn adds_a_product_and_rounds_once() {
    let merge = Merge::new();
    let expected: Vec<f32> = merge.sums(0.3).into_iter().map(rounded).collect();
    let updates = json!([{"left": 0, "right": 1, "scale": 0.3f32}]);
    assert_eq!(merge.run([ROWS, COLUMNS], [COLUMNS, 1], updates), expected);
}

#[test]
fn a_transposed_copy_takes_the_same_elements() {
    let merge = Merge::new();
    let sums = merge.sums(0.3);
    let expected: Vec<f32> =
        (0..ROWS * COLUMNS).map(|at| rounded(sums[at % ROWS * COLUMNS + at / ROWS])).collect();
    let updates = json!([{"left": 0, "right": 1, "scale": 0.3f32}]);
    assert_eq!(merge.run([COLUMNS, ROWS], [1, COLUMNS], updates), expected);
}

#[test]
fn updates_follow_each_other_and_products_may_be_rounded_first() {
    let merge = Merge::new();
    let expected: Vec<f32> = (0..ROWS * COLUMNS)
        .map(|at| {
            let product = merge.product(at);
            rounded(rounded(merge.weight[at] + rounded(product * 0.3)) + product * 7.0)
        })
        .collect();
    let updates = json!([
        {"left": 0, "right": 1, "scale": 0.3f32, "rounded": true},
        {"left": 0, "right": 1, "scale": 7.0},
    ]);
    assert_eq!(merge.run([ROWS, COLUMNS], [COLUMNS, 1], updates), expected);
}

#[test]
fn rows_and_columns_reach_their_magnitudes() {
    for (of, lengths, matrix) in [("rows", ROWS, 2), ("columns", COLUMNS, 3)] {
        let merge = Merge::new();
        let sums = merge.sums(0.5);
        let line = |at: usize| if of == "rows" { at / COLUMNS } else { at % COLUMNS };
        let norms = if of == "rows" { row_norms(&sums) } else { column_norms(&sums) };
        let magnitudes = numbers(lengths, if of == "rows" { 4 } else { 5 });
        let expected: Vec<f32> = sums
            .iter()
            .enumerate()
            .map(|(at, sum)| rounded(sum * (magnitudes[line(at)] / norms[line(at)])))
            .collect();
        let magnitude = json!({"lengths": matrix, "of": of});
        let updates = json!([{"left": 0, "right": 1, "scale": 0.5, "magnitude": magnitude}]);
        assert_eq!(merge.run([ROWS, COLUMNS], [COLUMNS, 1], updates), expected, "{of}");
    }
}

/// As torch's vector code sums a row: eight lanes, then what is left of it.
fn row_norms(values: &[f32]) -> Vec<f32> {
    let norm = |row: &[f32]| {
        let whole = row.len() / 8 * 8;
        let lane = |lane: usize| row[..whole].iter().skip(lane).step_by(8).fold(0f32, |sum, x| sum + x * x);
        let sum = (1..8).fold(lane(0), |sum, number| sum + lane(number));
        row[whole..].iter().fold(sum, |sum, x| sum + x * x).sqrt()
    };
    values.chunks(COLUMNS).map(norm).collect()
}

fn column_norms(values: &[f32]) -> Vec<f32> {
    let column = |column: usize| values.iter().skip(column).step_by(COLUMNS);
    (0..COLUMNS).map(|at| column(at).fold(0f32, |sum, x| sum + x * x).sqrt()).collect()
}

#[test]
fn refuses_updates_that_do_not_fit() {
    let refusal = |change: fn(&mut Value)| {
        let mut merge = Merge::new();
        let mut op = merge.op(json!([{"left": 0, "right": 1, "scale": 1.0}]));
        change(&mut op);
        let copies = json!([{"tensor": 0, "start": [0, 0], "size": [ROWS, COLUMNS], "offset": 0,
                             "strides": [COLUMNS, 1], "op": op}]);
        merge.case.whole("bfloat16", &[ROWS as u64, COLUMNS as u64], copies);
        merge.case.execute(&merge.case.options()).expect_err("refused").to_string()
    };
    assert!(refusal(|op| op["rows"] = json!(ROWS - 1)).contains("another part of the tensor"));
    assert!(refusal(|op| op["columns"] = json!(COLUMNS + 1)).contains("another shape"));
    assert!(refusal(|op| op["dtype"] = json!("int8")).contains("in int8"));
    assert!(refusal(|op| op["updates"][0]["left"] = json!(1)).contains("another shape"));
    assert!(refusal(|op| op["updates"][0]["right"] = json!(9)).contains("another shape"));
    assert!(refusal(|op| op["updates"][0]["right"] = Value::Null).contains("another shape"));
    assert!(
        refusal(|op| op["updates"][0]["magnitude"] = json!({"lengths": 3, "of": "rows"}))
            .contains("magnitudes of another number")
    );
}
