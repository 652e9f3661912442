//! Calls that read checkpoints.

use crate::calls::BindingPlan;
use crate::settle::on_thread;
use ckpt_engine::{Checkpoint, Error, Findings, tensor_stats, verify_against, verify_structure};
use napi::bindgen_prelude::{AbortSignal, Env, Object};
use napi_derive::napi;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;

/// Verifies the checkpoint in an iteration directory: by its own structure, or against a plan. Resolves to JSON.
#[napi(
    ts_return_type = "Promise<string>",
    ts_args_type = "dir: string, payloads: boolean, plan?: ExternalObject<Plan> | null, signal?: AbortSignal | null"
)]
pub fn verify_checkpoint<'env>(
    env: &'env Env,
    dir: String,
    payloads: bool,
    plan: Option<&BindingPlan>,
    signal: Option<AbortSignal>,
) -> napi::Result<Object<'env>> {
    let stop = Arc::new(AtomicBool::new(false));
    if let Some(signal) = signal {
        let stop = Arc::clone(&stop);
        signal.on_abort(move || stop.store(true, Ordering::Relaxed));
    }
    let plan = plan.map(|plan| Arc::clone(plan));
    on_thread(env, move || {
        let threads = available_parallelism().map_or(1, usize::from);
        let checkpoint = Checkpoint::open(Path::new(&dir))?;
        let findings = match plan {
            None => verify_structure(&checkpoint, payloads, threads, &stop)?,
            Some(plan) => verify_against(&checkpoint, &plan, threads, &stop)?,
        };
        let Findings { tensors, objects, items, bytes, faults } = findings;
        let report = json!({ "tensors": tensors, "objects": objects, "items": items, "bytes": bytes, "faults": faults });
        Ok(report.to_string())
    })
}

/// What a checkpoint holds: tensors with their chunks, objects, files. Resolves to JSON.
#[napi(ts_return_type = "Promise<string>")]
pub fn inspect_checkpoint(env: &Env, dir: String) -> napi::Result<Object<'_>> {
    on_thread(env, move || {
        let checkpoint = Checkpoint::open(Path::new(&dir))?;
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
        Ok(json!({ "tensors": tensors, "objects": checkpoint.metadata.bytes, "storage": storage })
            .to_string())
    })
}

/// Hash and figures of one tensor. Resolves to JSON.
#[napi(ts_return_type = "Promise<string>")]
pub fn inspect_tensor(env: &Env, dir: String, key: String) -> napi::Result<Object<'_>> {
    on_thread(env, move || {
        let checkpoint = Checkpoint::open(Path::new(&dir))?;
        let at = checkpoint.find(&key).ok_or_else(|| Error::Checkpoint {
            path: checkpoint.dir().to_path_buf(),
            fault: format!("no tensor {key}"),
        })?;
        let stats = tensor_stats(&checkpoint, at)?;
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
        Ok(json!({ "sha256": stats.sha256, "elements": stats.elements, "floats": floats }).to_string())
    })
}
