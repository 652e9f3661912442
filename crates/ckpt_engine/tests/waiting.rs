//! Sources that come one by one, in any order, and go when nothing needs them any more.

mod support;

use ckpt_engine::{Control, Error, JournalOptions, Options, Report, SystemDisk, execute_on, index_on};
use serde_json::json;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use support::{Case, naive, noise};

/// Items of one and of several sources, whose payloads and descriptors lie across segment borders.
fn case(sizes: &[u64]) -> Case {
    let mut case = Case::new();
    let tensors: Vec<usize> = sizes
        .iter()
        .zip(1..)
        .map(|(&n, seed)| case.tensor("BF16", &[n], noise(n as usize * 2, seed)))
        .collect();
    let copy = |at: usize, start: u64| json!({"tensor": tensors[at], "start": [start], "size": [sizes[at]], "offset": 0, "strides": [1]});
    for at in 0..sizes.len() {
        case.whole("bfloat16", &[sizes[at]], json!([copy(at, 0)]));
        if at % 3 == 2 {
            let both = sizes[at - 2] + sizes[at];
            case.whole("bfloat16", &[both], json!([copy(at - 2, 0), copy(at, sizes[at - 2])]));
        }
    }
    case
}

fn hidden(path: &Path) -> PathBuf {
    path.with_extension("hidden")
}

fn sources(case: &Case) -> Vec<PathBuf> {
    let sources = case.plan["sources"].as_array().unwrap();
    sources.iter().map(|source| PathBuf::from(source["path"].as_str().unwrap())).collect()
}

fn round(case: &Case, ready: &HashSet<usize>, threads: usize) -> Result<Report, Error> {
    let options = Options {
        journal: Some(JournalOptions { path: "journal".into(), digest: "plan".into() }),
        ready: Some(ready.clone()),
        threads: Some(threads),
        ..case.options()
    };
    let stop = AtomicBool::new(false);
    let mut control = Control { stop: &stop, on_progress: &mut |_| {} };
    execute_on(&SystemDisk, &case.prepare().unwrap(), &options, &mut control)
}

/// Brings the sources in `order` and takes each away as soon as no report asks for it. Returns how many were there at
/// once at most.
fn streamed(case: &Case, order: &[usize], threads: usize) -> usize {
    let paths = sources(case);
    for path in &paths {
        fs::rename(path, hidden(path)).unwrap();
    }
    let mut ready = HashSet::new();
    let mut most = 0;
    let mut waiting = round(case, &ready, threads).unwrap().waiting;
    for &at in order {
        assert!(waiting.contains(&at), "{at} is not needed before it came");
        fs::rename(hidden(&paths[at]), &paths[at]).unwrap();
        ready.insert(at);
        most = most.max(ready.len());
        waiting = round(case, &ready, threads).unwrap().waiting;
        for gone in ready.clone() {
            if !waiting.contains(&gone) {
                fs::rename(&paths[gone], hidden(&paths[gone])).unwrap();
                ready.remove(&gone);
            }
        }
    }
    assert!(waiting.is_empty() && ready.is_empty(), "{waiting:?} {ready:?}");
    index_on(&SystemDisk, &case.prepare().unwrap(), &case.root(), false).unwrap();
    most
}

#[test]
fn any_order_gives_the_same_file() {
    let mut state = 7u64;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    for round in 0..12 {
        let count = 3 + below(10);
        let sizes: Vec<u64> = (0..count).map(|_| 1 + below(300_000) as u64).collect();
        let case = case(&sizes);
        let mut order: Vec<usize> = (0..count).collect();
        for at in (1..count).rev() {
            order.swap(at, below(at + 1));
        }
        streamed(&case, &order, 1 + round % 4);
        let found = case.file("iter_0000000/__0_0.distcp");
        assert!(found == naive::file(&case, 0, &[]), "sizes {sizes:?} in the order {order:?}");
    }
}

#[test]
fn in_reading_order_few_are_kept() {
    let sizes = vec![200_000; 24];
    let most = streamed(&case(&sizes), &(0..24).collect::<Vec<_>>(), 2);
    assert!(most <= 6, "{most} of 24 sources were kept at once");
}

#[test]
fn a_source_that_was_announced_must_be_there() {
    let case = case(&[1000, 2000]);
    fs::remove_file(&sources(&case)[1]).unwrap();
    assert_eq!(round(&case, &HashSet::from([0, 1]), 1).unwrap_err().code(), "SOURCE_MISSING");
}
