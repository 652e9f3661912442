//! Calls that read checkpoints.

use crate::error::Failure;
use ckpt_engine::{Checkpoint, Depth, Error, Findings, Prepared, Stats, source_tensor_stats, tensor_stats};
use ckpt_engine::{verify_against, verify_files, verify_structure, verify_written};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread::available_parallelism;

/// Verifies the checkpoint in an iteration directory: by its own structure, or against a plan. Gives JSON.
pub fn verify_checkpoint(
    dir: &str,
    payloads: bool,
    plan: Option<&Prepared>,
    sampled: bool,
    stop: &AtomicBool,
) -> Result<String, Failure> {
    let depth = if sampled { Depth::Sampled } else { Depth::Full };
    let checkpoint = Checkpoint::open(Path::new(dir))?;
    let findings = match plan {
        None => verify_structure(&checkpoint, payloads, threads(), stop)?,
        Some(plan) => verify_against(&checkpoint, plan, depth, threads(), stop)?,
    };
    Ok(report(findings))
}

/// Verifies the safetensors files of a plan: headers and lengths, with `payloads` every element against the plan's
/// sources. Gives JSON.
pub fn verify_plan_files(
    plan: &Prepared,
    root: &str,
    payloads: bool,
    stop: &AtomicBool,
) -> Result<String, Failure> {
    Ok(report(verify_files(plan, Path::new(root), payloads, threads(), stop)?))
}

fn threads() -> usize {
    available_parallelism().map_or(1, usize::from)
}

fn report(findings: Findings) -> String {
    let Findings { tensors, objects, items, bytes, faults } = findings;
    json!({ "tensors": tensors, "objects": objects, "items": items, "bytes": bytes, "faults": faults })
        .to_string()
}

/// A checkpoint as a plan that reads it, without what has a key under `prefixes`. Gives JSON.
pub fn checkpoint_plan(dir: &str, prefixes: &[String]) -> Result<String, Failure> {
    let keep = |key: &str| !prefixes.iter().any(|prefix| key.starts_with(prefix));
    let checkpoint = Checkpoint::open_where(Path::new(dir), &keep)?;
    Ok(serde_json::to_string(checkpoint.plan()).map_err(|error| Error::Plan(error.to_string()))?)
}

/// Verifies what was written of a plan under `root`: the index whole, data files by samples. Gives JSON.
pub fn verify_written_plan(plan: &Prepared, root: &str) -> Result<String, Failure> {
    Ok(report(verify_written(plan, Path::new(root))?))
}

/// What a checkpoint holds: tensors with their chunks, objects, files. Gives JSON.
pub fn inspect_checkpoint(dir: &str) -> Result<String, Failure> {
    let checkpoint = Checkpoint::open(Path::new(dir))?;
    let tensors: Vec<Value> = checkpoint
        .metadata
        .tensors
        .iter()
        .map(|tensor| {
            let chunks: Vec<Value> =
                tensor.chunks.iter().map(|chunk| json!([chunk.offsets, chunk.sizes])).collect();
            json!({
                "key": tensor.key,
                "dtype": tensor.dtype.name(),
                "shape": tensor.shape,
                "chunks": chunks,
            })
        })
        .collect();
    let storage: Vec<Value> = checkpoint
        .metadata
        .storage
        .iter()
        .map(|entry| json!([entry.key, entry.offset, entry.relative_path, entry.position, entry.length]))
        .collect();
    Ok(json!({ "tensors": tensors, "objects": checkpoint.metadata.bytes, "storage": storage }).to_string())
}

/// The tensors among `keys` that have elements which bfloat16 could not hold. Gives a JSON list.
pub fn beyond_bfloat16(dir: &str, keys: &[String]) -> Result<String, Failure> {
    let checkpoint = Checkpoint::open_where(Path::new(dir), &|key| keys.iter().any(|known| known == key))?;
    let mut beyond = Vec::new();
    for key in keys {
        let at = checkpoint.find(key).ok_or_else(|| no_tensor(&checkpoint, key))?;
        if tensor_stats(&checkpoint, at)?.floats.is_some_and(|floats| floats.beyond_bfloat16 > 0) {
            beyond.push(key);
        }
    }
    Ok(json!(beyond).to_string())
}

fn no_tensor(checkpoint: &Checkpoint, key: &str) -> Error {
    Error::Checkpoint { path: checkpoint.dir().to_path_buf(), fault: format!("no tensor {key}") }
}

/// Hash and figures of one tensor. Gives JSON.
pub fn inspect_tensor(dir: &str, key: &str) -> Result<String, Failure> {
    let checkpoint = Checkpoint::open(Path::new(dir))?;
    let at = checkpoint.find(key).ok_or_else(|| no_tensor(&checkpoint, key))?;
    Ok(stats_json(tensor_stats(&checkpoint, at)?))
}

/// Hash and figures of one tensor of a safetensors file. Gives JSON.
pub fn inspect_source_tensor(path: &str, name: &str) -> Result<String, Failure> {
    Ok(stats_json(source_tensor_stats(Path::new(path), name)?))
}

fn stats_json(stats: Stats) -> String {
    let floats = stats.floats.map(|floats| {
        // JSON has no infinities; their count tells of them.
        json!({
            "min": floats.min,
            "max": floats.max,
            "mean": floats.mean,
            "nans": floats.nans,
            "infinities": floats.infinities,
        })
    });
    json!({ "sha256": stats.sha256, "elements": stats.elements, "floats": floats }).to_string()
}
