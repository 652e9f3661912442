//! Plans: decoded once, then executed, indexed and asked about.

use crate::error::Failure;
use crate::options::{ExecuteOptions, compute_of};
use ckpt_engine::{
    Buffers, Control, FileLayout, Plan, Prepared, Progress, can_clone, default_memory, execute, index,
};
use serde_json::json;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Decodes and checks a plan.
pub fn load_plan(plan: &[u8]) -> Result<Prepared, Failure> {
    let decoded: Result<Plan, _> = serde_json::from_slice(plan);
    Ok(Prepared::new(decoded.map_err(|error| ckpt_engine::Error::Plan(error.to_string()))?)?)
}

/// The files that a plan makes, as JSON.
pub fn plan_files(plan: &Prepared) -> String {
    let files = plan.files();
    json!({
        "files": file_list(files.iter().map(|file| (file.path.as_str(), file.bytes))),
        "items": files.iter().map(FileLayout::item_count).sum::<usize>(),
        "payloadBytes": files.iter().map(|file| file.payload_bytes).sum::<u64>(),
    })
    .to_string()
}

/// Bytes of buffers that an execution with these options takes. Gives JSON.
pub fn plan_buffers(
    plan: &Prepared,
    threads: Option<u32>,
    memory: Option<f64>,
    compute: Option<&str>,
) -> Result<String, Failure> {
    let memory = memory.map_or_else(default_memory, |bytes| bytes as usize);
    let threads = threads.map(|threads| threads as usize);
    let Buffers { host, device, gpus } = plan.buffers(&compute_of(compute)?, threads, memory)?;
    Ok(json!({ "host": host, "device": device, "gpus": gpus }).to_string())
}

/// Writes the archives and `.metadata` of a plan whose files are complete. Gives the bytes written, as JSON.
pub fn index_plan(plan: &Prepared, root: &str, sync: bool) -> Result<String, Failure> {
    Ok(index(plan, Path::new(root), sync)?.to_string())
}

/// Whether files in a folder can share blocks with all of some files.
pub fn can_clone_into(paths: &[String], folder: &str) -> bool {
    paths.iter().all(|path| can_clone(Path::new(path), Path::new(folder)))
}

/// Executes a plan. Gives a report as JSON.
pub fn run_plan(
    plan: &Prepared,
    options: ExecuteOptions,
    stop: &AtomicBool,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<String, Failure> {
    let options = options.into_engine()?;
    let report = execute(plan, &options, &mut Control { stop, on_progress })?;
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
        "compute": report.compute,
        "computeReason": report.compute_reason,
        "bytesShared": report.bytes_shared,
        "readMode": report.read_mode,
        "writeMode": report.write_mode.name(),
        "waiting": report.waiting,
    })
    .to_string())
}

fn file_list<'a>(files: impl Iterator<Item = (&'a str, u64)>) -> Vec<serde_json::Value> {
    files.map(|(path, bytes)| json!({ "path": path, "bytes": bytes })).collect()
}
