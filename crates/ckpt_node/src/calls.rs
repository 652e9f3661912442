//! The calls that cross the border.

use crate::options::{BindingExecuteOptions, BindingProgress};
use crate::settle::on_thread;
use ckpt_engine::{Control, FileLayout, Plan, execute, index, lay_out};
use ckpt_safetensors::read_header;
use napi::bindgen_prelude::{AbortSignal, Buffer, Env, Object};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Headers of safetensors files, as JSON.
#[napi(ts_return_type = "Promise<string>")]
pub fn inspect(env: &Env, paths: Vec<String>) -> napi::Result<Object<'_>> {
    on_thread(env, move || {
        let mut files = Vec::with_capacity(paths.len());
        for path in &paths {
            let header = read_header(Path::new(path)).map_err(ckpt_engine::Error::from)?;
            let tensors: Vec<_> = header
                .tensors
                .iter()
                .map(|tensor| {
                    json!({
                        "name": tensor.name,
                        "dtype": tensor.dtype.safetensors_name(),
                        "shape": tensor.shape,
                        "begin": tensor.begin,
                        "end": tensor.end,
                    })
                })
                .collect();
            files.push(json!({
                "path": path,
                "bytes": header.bytes,
                "headerBytes": header.header_bytes,
                "metadata": header.metadata,
                "tensors": tensors,
            }));
        }
        Ok(serde_json::Value::Array(files).to_string())
    })
}

/// Checks a plan and tells the files it makes, as JSON. Nothing is read or written.
#[napi(ts_return_type = "Promise<string>")]
pub fn lay_out_plan(env: &Env, plan: Buffer) -> napi::Result<Object<'_>> {
    let plan = plan.to_vec();
    on_thread(env, move || {
        let layout = lay_out(decode(&plan)?)?;
        let files = layout.files.iter().map(|file| (file.path.as_str(), file.bytes));
        Ok(json!({
            "files": file_list(files),
            "items": layout.files.iter().map(FileLayout::item_count).sum::<usize>(),
            "payloadBytes": layout.files.iter().map(|file| file.payload_bytes).sum::<u64>(),
        })
        .to_string())
    })
}

/// Writes the archives and `.metadata` of a plan whose files are complete. Resolves to the bytes written, as JSON.
#[napi(ts_return_type = "Promise<string>")]
pub fn index_plan(env: &Env, plan: Buffer, root: String) -> napi::Result<Object<'_>> {
    let plan = plan.to_vec();
    on_thread(env, move || Ok(index(decode(&plan)?, Path::new(&root), true)?.to_string()))
}

type Progress = ThreadsafeFunction<BindingProgress, (), BindingProgress, napi::Status, false>;

/// Executes a plan. Resolves to a report as JSON.
#[napi(
    ts_return_type = "Promise<string>",
    ts_args_type = "plan: Buffer, options: BindingExecuteOptions, onProgress?: ((progress: BindingProgress) => void) | null, signal?: AbortSignal | null"
)]
pub fn run_plan<'env>(
    env: &'env Env,
    plan: Buffer,
    options: BindingExecuteOptions,
    on_progress: Option<Progress>,
    signal: Option<AbortSignal>,
) -> napi::Result<Object<'env>> {
    let stop = Arc::new(AtomicBool::new(false));
    if let Some(signal) = signal {
        let stop = Arc::clone(&stop);
        signal.on_abort(move || stop.store(true, Ordering::Relaxed));
    }
    let options = options.into_engine()?;
    // The plan's memory belongs to JavaScript; the thread gets a copy, a few megabytes at most.
    let plan = plan.to_vec();
    on_thread(env, move || {
        let mut tell = |progress: ckpt_engine::Progress| {
            if let Some(on_progress) = &on_progress {
                let ckpt_engine::Progress { done, total, key } = progress;
                let event = BindingProgress { done: done as f64, total: total as f64, key };
                on_progress.call(event, ThreadsafeFunctionCallMode::NonBlocking);
            }
        };
        let mut control = Control { stop: &stop, on_progress: &mut tell };
        let report = execute(decode(&plan)?, &options, &mut control)?;
        let files = report.files.iter().map(|(path, bytes)| (path.as_str(), *bytes));
        Ok(json!({
            "files": file_list(files),
            "items": report.items,
            "payloadBytes": report.payload_bytes,
            "bytesRead": report.bytes_read,
            "bytesWritten": report.bytes_written,
            "bytesResumed": report.bytes_resumed,
            "seconds": report.seconds,
            "threads": report.threads,
            "memory": report.memory,
            "readMode": report.read_mode.name(),
            "writeMode": report.write_mode.name(),
        })
        .to_string())
    })
}

pub fn decode(plan: &[u8]) -> Result<Plan, ckpt_engine::Error> {
    serde_json::from_slice(plan).map_err(|error| ckpt_engine::Error::Plan(error.to_string()))
}

fn file_list<'a>(files: impl Iterator<Item = (&'a str, u64)>) -> Vec<serde_json::Value> {
    files.map(|(path, bytes)| json!({ "path": path, "bytes": bytes })).collect()
}
