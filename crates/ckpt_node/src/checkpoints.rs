//! Calls that read checkpoints.

use crate::calls::BindingPlan;
use crate::settle::{on_thread, stopped_by};
use napi::bindgen_prelude::{AbortSignal, Env, Object};
use napi_derive::napi;
use std::sync::Arc;

/// Verifies the checkpoint in an iteration directory: by its own structure, or against a plan. Resolves to JSON.
#[napi(
    ts_return_type = "Promise<string>",
    ts_args_type = "dir: string, payloads: boolean, plan?: ExternalObject<Plan> | null, sampled?: boolean | null, signal?: AbortSignal | null"
)]
pub fn verify_checkpoint<'env>(
    env: &'env Env,
    dir: String,
    payloads: bool,
    plan: Option<&BindingPlan>,
    sampled: Option<bool>,
    signal: Option<AbortSignal>,
) -> napi::Result<Object<'env>> {
    let stop = stopped_by(signal);
    let plan = plan.map(|plan| Arc::clone(plan));
    on_thread(env, move || {
        ckpt_calls::verify_checkpoint(&dir, payloads, plan.as_deref(), sampled == Some(true), &stop)
    })
}

/// Verifies the safetensors files of a plan: headers and lengths, with `payloads` every element against the plan's
/// sources. Resolves to JSON.
#[napi(
    ts_return_type = "Promise<string>",
    ts_args_type = "plan: ExternalObject<Plan>, root: string, payloads: boolean, signal?: AbortSignal | null"
)]
pub fn verify_plan_files<'env>(
    env: &'env Env,
    plan: &BindingPlan,
    root: String,
    payloads: bool,
    signal: Option<AbortSignal>,
) -> napi::Result<Object<'env>> {
    let stop = stopped_by(signal);
    let plan = Arc::clone(plan);
    on_thread(env, move || ckpt_calls::verify_plan_files(&plan, &root, payloads, &stop))
}

/// A checkpoint as a plan that reads it, without what has a key under `prefixes`. Resolves to JSON.
#[napi(ts_return_type = "Promise<string>")]
pub fn checkpoint_plan(env: &Env, dir: String, prefixes: Vec<String>) -> napi::Result<Object<'_>> {
    on_thread(env, move || ckpt_calls::checkpoint_plan(&dir, &prefixes))
}

/// Verifies what was written of a plan under `root`: the index whole, data files by samples. Resolves to JSON.
#[napi(ts_return_type = "Promise<string>", ts_args_type = "plan: ExternalObject<Plan>, root: string")]
pub fn verify_written_plan<'env>(
    env: &'env Env,
    plan: &BindingPlan,
    root: String,
) -> napi::Result<Object<'env>> {
    let plan = Arc::clone(plan);
    on_thread(env, move || ckpt_calls::verify_written_plan(&plan, &root))
}

/// What a checkpoint holds: tensors with their chunks, objects, files. Resolves to JSON.
#[napi(ts_return_type = "Promise<string>")]
pub fn inspect_checkpoint(env: &Env, dir: String) -> napi::Result<Object<'_>> {
    on_thread(env, move || ckpt_calls::inspect_checkpoint(&dir))
}

/// The tensors among `keys` that have elements which bfloat16 could not hold. Resolves to a JSON list.
#[napi(ts_return_type = "Promise<string>")]
pub fn beyond_bfloat16(env: &Env, dir: String, keys: Vec<String>) -> napi::Result<Object<'_>> {
    on_thread(env, move || ckpt_calls::beyond_bfloat16(&dir, &keys))
}

/// Hash and figures of one tensor. Resolves to JSON.
#[napi(ts_return_type = "Promise<string>")]
pub fn inspect_tensor(env: &Env, dir: String, key: String) -> napi::Result<Object<'_>> {
    on_thread(env, move || ckpt_calls::inspect_tensor(&dir, &key))
}

/// Hash and figures of one tensor of a safetensors file. Resolves to JSON.
#[napi(ts_return_type = "Promise<string>")]
pub fn inspect_source_tensor(env: &Env, path: String, name: String) -> napi::Result<Object<'_>> {
    on_thread(env, move || ckpt_calls::inspect_source_tensor(&path, &name))
}
