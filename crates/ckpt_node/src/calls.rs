//! The calls that cross the border.

use crate::error::Failure;
use crate::options::{BindingExecuteOptions, BindingProgress};
use crate::settle::{on_thread, settle};
use ckpt_engine::{Control, FileLayout, Plan, Prepared, can_clone, default_memory, execute};
use ckpt_engine::{hash_files, index, sync_paths};
use ckpt_safetensors::{TensorInfo, read_header};
use ckpt_tensor::Dtype;
use napi::bindgen_prelude::{AbortSignal, Buffer, Env, External, Object};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Headers of safetensors files, as JSON. Tensors cover their file without a gap, so names, kinds and the position of the
/// first tell everything; a kind is a dtype and a shape, of which a model has few.
#[napi(ts_return_type = "Promise<string>")]
pub fn inspect(env: &Env, paths: Vec<String>) -> napi::Result<Object<'_>> {
    on_thread(env, move || {
        let mut files = Vec::with_capacity(paths.len());
        let mut kinds = Kinds::default();
        for path in &paths {
            let header = read_header(Path::new(path)).map_err(ckpt_engine::Error::from)?;
            let numbers: Vec<usize> = header.tensors.iter().map(|tensor| kinds.number(tensor)).collect();
            files.push(FileHeader {
                path,
                bytes: header.bytes,
                header_bytes: header.header_bytes,
                metadata: header.metadata,
                names: header.tensors.into_iter().map(|tensor| tensor.name).collect(),
                kinds: numbers,
            });
        }
        let headers = Headers { kinds: kinds.list, files };
        serde_json::to_string(&headers).map_err(|error| Failure::internal(&error.to_string()))
    })
}

#[derive(Serialize)]
struct Headers<'a> {
    kinds: Vec<serde_json::Value>,
    files: Vec<FileHeader<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileHeader<'a> {
    path: &'a str,
    bytes: u64,
    header_bytes: u64,
    metadata: BTreeMap<String, String>,
    names: Vec<String>,
    kinds: Vec<usize>,
}

/// Dtypes with shapes, numbered by first use.
#[derive(Default)]
struct Kinds {
    list: Vec<serde_json::Value>,
    numbers: HashMap<(Dtype, Vec<u64>), usize>,
}

impl Kinds {
    fn number(&mut self, TensorInfo { dtype, shape, begin, end, .. }: &TensorInfo) -> usize {
        let next = self.list.len();
        let number = *self.numbers.entry((*dtype, shape.clone())).or_insert(next);
        if number == next {
            self.list.push(json!([dtype.safetensors_name(), shape, end - begin]));
        }
        number
    }
}

/// A plan that the engine holds; what JavaScript has is a handle.
pub type BindingPlan = External<Arc<Prepared>>;

/// Decodes and checks a plan. The handle goes to every call that needs the plan.
#[napi(ts_return_type = "Promise<ExternalObject<Plan>>")]
pub fn load_plan(env: &Env, plan: Buffer) -> napi::Result<Object<'_>> {
    settle(
        env,
        move || {
            let prepared = Prepared::new(decode(&plan)?)?;
            // The plan's text belongs to JavaScript, which may let go of it now.
            drop(plan);
            Ok(Arc::new(prepared))
        },
        |prepared| Ok(External::new(prepared)),
    )
}

/// The files that a plan makes, as JSON.
#[napi]
pub fn plan_files(plan: &BindingPlan) -> String {
    let files = plan.files();
    json!({
        "files": file_list(files.iter().map(|file| (file.path.as_str(), file.bytes))),
        "items": files.iter().map(FileLayout::item_count).sum::<usize>(),
        "payloadBytes": files.iter().map(|file| file.payload_bytes).sum::<u64>(),
    })
    .to_string()
}

/// Bytes of buffers that an execution with these options takes.
#[napi]
pub fn plan_memory(plan: &BindingPlan, threads: Option<u32>, memory: Option<f64>) -> f64 {
    let memory = memory.map_or_else(default_memory, |bytes| bytes as usize);
    plan.buffer_bytes(threads.map(|threads| threads as usize), memory) as f64
}

/// Writes the archives and `.metadata` of a plan whose files are complete. Resolves to the bytes written, as JSON.
#[napi(ts_return_type = "Promise<string>")]
pub fn index_plan<'env>(
    env: &'env Env,
    plan: &BindingPlan,
    root: String,
    sync: bool,
) -> napi::Result<Object<'env>> {
    let plan = Arc::clone(plan);
    on_thread(env, move || Ok(index(&plan, Path::new(&root), sync)?.to_string()))
}

/// Length and SHA-256 of files. Resolves to JSON.
#[napi(ts_return_type = "Promise<string>")]
pub fn hash_whole_files(env: &Env, paths: Vec<String>) -> napi::Result<Object<'_>> {
    on_thread(env, move || {
        let hashes = hash_files(&as_paths(paths))?;
        let each = hashes.iter().map(|file| json!({ "bytes": file.bytes, "sha256": file.sha256 }));
        Ok(each.collect::<serde_json::Value>().to_string())
    })
}

/// Waits until files, and then the names in folders, are on the disk.
#[napi(ts_return_type = "Promise<string>")]
pub fn sync_all_of(env: &Env, files: Vec<String>, folders: Vec<String>) -> napi::Result<Object<'_>> {
    on_thread(env, move || {
        sync_paths(&as_paths(files), &as_paths(folders))?;
        Ok(String::new())
    })
}

fn as_paths(texts: Vec<String>) -> Vec<PathBuf> {
    texts.into_iter().map(PathBuf::from).collect()
}

/// Whether files in a folder can share blocks with all of some files.
#[napi]
pub fn can_clone_into(paths: Vec<String>, folder: String) -> bool {
    paths.iter().all(|path| can_clone(Path::new(path), Path::new(&folder)))
}

type Progress = ThreadsafeFunction<BindingProgress, (), BindingProgress, napi::Status, false>;

/// Executes a plan. Resolves to a report as JSON.
#[napi(
    ts_return_type = "Promise<string>",
    ts_args_type = "plan: ExternalObject<Plan>, options: BindingExecuteOptions, onProgress?: ((progress: BindingProgress) => void) | null, signal?: AbortSignal | null"
)]
pub fn run_plan<'env>(
    env: &'env Env,
    plan: &BindingPlan,
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
    let plan = Arc::clone(plan);
    on_thread(env, move || {
        let mut tell = |progress: ckpt_engine::Progress| {
            if let Some(on_progress) = &on_progress {
                let ckpt_engine::Progress { done, total, key } = progress;
                let event = BindingProgress { done: done as f64, total: total as f64, key };
                on_progress.call(event, ThreadsafeFunctionCallMode::NonBlocking);
            }
        };
        let mut control = Control { stop: &stop, on_progress: &mut tell };
        let report = execute(&plan, &options, &mut control)?;
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
            "bytesShared": report.bytes_shared,
            "readMode": report.read_mode,
            "writeMode": report.write_mode.name(),
            "waiting": report.waiting,
        })
        .to_string())
    })
}

fn decode(plan: &[u8]) -> Result<Plan, ckpt_engine::Error> {
    serde_json::from_slice(plan).map_err(|error| ckpt_engine::Error::Plan(error.to_string()))
}

fn file_list<'a>(files: impl Iterator<Item = (&'a str, u64)>) -> Vec<serde_json::Value> {
    files.map(|(path, bytes)| json!({ "path": path, "bytes": bytes })).collect()
}
