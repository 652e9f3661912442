//! The calls that cross the border.

use crate::settle::{on_thread, settle, stopped_by};
use ckpt_calls::{ExecuteOptions, Prepared, SmallFile};
use napi::bindgen_prelude::{AbortSignal, Buffer, Env, External, Object};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use std::sync::Arc;

/// Headers of safetensors files. Resolves to JSON.
#[napi(ts_return_type = "Promise<string>")]
pub fn inspect(env: &Env, paths: Vec<String>) -> napi::Result<Object<'_>> {
    on_thread(env, move || ckpt_calls::inspect(&paths))
}

/// A plan that the engine holds; what JavaScript has is a handle.
pub type BindingPlan = External<Arc<Prepared>>;

/// Decodes and checks a plan. The handle goes to every call that needs the plan.
#[napi(ts_return_type = "Promise<ExternalObject<Plan>>")]
pub fn load_plan(env: &Env, plan: Buffer) -> napi::Result<Object<'_>> {
    settle(env, move || Ok(Arc::new(ckpt_calls::load_plan(&plan)?)), |prepared| Ok(External::new(prepared)))
}

/// The files that a plan makes, as JSON.
#[napi]
pub fn plan_files(plan: &BindingPlan) -> String {
    ckpt_calls::plan_files(plan)
}

/// Bytes of buffers that an execution with these options takes. Resolves to JSON.
#[napi(
    ts_return_type = "Promise<string>",
    ts_args_type = "plan: ExternalObject<Plan>, threads?: number | null, memory?: number | null, compute?: string | null"
)]
pub fn plan_buffers<'env>(
    env: &'env Env,
    plan: &BindingPlan,
    threads: Option<u32>,
    memory: Option<f64>,
    compute: Option<String>,
) -> napi::Result<Object<'env>> {
    let plan = Arc::clone(plan);
    on_thread(env, move || ckpt_calls::plan_buffers(&plan, threads, memory, compute.as_deref()))
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
    on_thread(env, move || ckpt_calls::index_plan(&plan, &root, sync))
}

/// Length and SHA-256 of files. Resolves to JSON.
#[napi(ts_return_type = "Promise<string>")]
pub fn hash_whole_files(env: &Env, paths: Vec<String>) -> napi::Result<Object<'_>> {
    on_thread(env, move || ckpt_calls::hash_whole_files(&paths))
}

/// Writes files below a root, given as JSON; they may not be on the disk yet.
#[napi(ts_return_type = "Promise<string>")]
pub fn write_small_files(env: &Env, root: String, files: String) -> napi::Result<Object<'_>> {
    on_thread(env, move || ckpt_calls::write_small_files(&root, SmallFile::parse(&files)?))
}

/// Waits until files, and then the names in folders, are on the disk.
#[napi(ts_return_type = "Promise<string>")]
pub fn sync_all_of(env: &Env, files: Vec<String>, folders: Vec<String>) -> napi::Result<Object<'_>> {
    on_thread(env, move || ckpt_calls::sync_all_of(&files, &folders))
}

/// Whether files in a folder can share blocks with all of some files.
#[napi]
pub fn can_clone_into(paths: Vec<String>, folder: String) -> bool {
    ckpt_calls::can_clone_into(&paths, &folder)
}

#[napi(object)]
pub struct BindingProgress {
    pub done: f64,
    pub total: f64,
    pub key: Option<String>,
}

type Progress = ThreadsafeFunction<BindingProgress, (), BindingProgress, napi::Status, false>;

/// Executes a plan, with options as JSON. Resolves to a report as JSON.
#[napi(
    ts_return_type = "Promise<string>",
    ts_args_type = "plan: ExternalObject<Plan>, options: string, onProgress?: ((progress: BindingProgress) => void) | null, signal?: AbortSignal | null"
)]
pub fn run_plan<'env>(
    env: &'env Env,
    plan: &BindingPlan,
    options: String,
    on_progress: Option<Progress>,
    signal: Option<AbortSignal>,
) -> napi::Result<Object<'env>> {
    let stop = stopped_by(signal);
    let plan = Arc::clone(plan);
    on_thread(env, move || {
        let mut tell = |progress: ckpt_calls::Progress| {
            if let Some(on_progress) = &on_progress {
                let ckpt_calls::Progress { done, total, key } = progress;
                let event = BindingProgress { done: done as f64, total: total as f64, key };
                on_progress.call(event, ThreadsafeFunctionCallMode::NonBlocking);
            }
        };
        ckpt_calls::run_plan(&plan, ExecuteOptions::parse(&options)?, &stop, &mut tell)
    })
}
