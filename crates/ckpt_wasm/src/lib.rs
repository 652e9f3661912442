//! The calls of JavaScript out of WebAssembly. Files are WASI's; a call blocks until it is done, so it belongs on a
//! thread of the host's where others have work.
//!
//! The host puts a request at an address that `allocate` gave, and calls `call`. The answer is bytes as long as
//! `answer_length` says, which stay until the next call.
#![cfg(target_family = "wasm")]

mod request;

use ckpt_calls::{Failure, Prepared, Progress};
use request::Request;
use serde_json::json;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

/// Set by the host, in the memory, to make a running call stop.
static STOP: AtomicBool = AtomicBool::new(false);

#[derive(Default)]
struct State {
    request: Vec<u8>,
    answer: Vec<u8>,
    plans: BTreeMap<u32, Prepared>,
    /// Of the last plan.
    number: u32,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Payload bytes done and planned, and the key of an item, UTF-8; none when its length is 0.
    fn progress(done: f64, total: f64, key: *const u8, length: usize);
}

unsafe extern "C" {
    /// The linker's: runs constructors.
    fn __wasm_call_ctors();
}

/// To be called once, before anything else.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // SAFETY: the contract of this function. That somebody calls it keeps the linker from wrapping every export in it.
    unsafe { __wasm_call_ctors() };
}

/// Room for the next request.
#[unsafe(no_mangle)]
extern "C" fn allocate(length: usize) -> *mut u8 {
    STATE.with_borrow_mut(|state| {
        state.request = vec![0; length];
        state.request.as_mut_ptr()
    })
}

/// Where the host sets a byte to 1 to make the running call stop.
#[unsafe(no_mangle)]
extern "C" fn stop_flag() -> *const AtomicBool {
    &raw const STOP
}

/// Answers the request: the address of a JSON text, `{"value": …}` or `{"failure": …}`, both with a text.
#[unsafe(no_mangle)]
extern "C" fn call() -> *const u8 {
    STATE.with_borrow_mut(|state| {
        let request = std::mem::take(&mut state.request);
        let answer = match state.answer(&request) {
            Ok(value) => json!({ "value": value }),
            Err(failure) => json!({ "failure": failure.into_text() }),
        };
        state.answer = answer.to_string().into_bytes();
        state.answer.as_ptr()
    })
}

#[unsafe(no_mangle)]
extern "C" fn answer_length() -> usize {
    STATE.with_borrow(|state| state.answer.len())
}

impl State {
    fn answer(&mut self, request: &[u8]) -> Result<String, Failure> {
        // A plan follows its request as it is: quoting it would double its memory.
        let end = request.iter().position(|&byte| byte == b'\n').unwrap_or(request.len());
        let (head, rest) = request.split_at(end);
        let request = serde_json::from_slice(head).map_err(|error| Failure::internal(&error.to_string()))?;
        match request {
            Request::Inspect { paths } => ckpt_calls::inspect(&paths),
            Request::LoadPlan => {
                let plan = ckpt_calls::load_plan(rest)?;
                self.number += 1;
                self.plans.insert(self.number, plan);
                Ok(self.number.to_string())
            }
            Request::DropPlan { plan } => {
                self.plans.remove(&plan);
                Ok(String::new())
            }
            Request::PlanFiles { plan } => Ok(ckpt_calls::plan_files(self.plan(plan)?)),
            Request::PlanBuffers { plan, threads, memory, compute } => {
                ckpt_calls::plan_buffers(self.plan(plan)?, threads, memory, compute.as_deref())
            }
            Request::IndexPlan { plan, root, sync } => ckpt_calls::index_plan(self.plan(plan)?, &root, sync),
            Request::HashWholeFiles { paths } => ckpt_calls::hash_whole_files(&paths),
            Request::WriteSmallFiles { root, files } => ckpt_calls::write_small_files(&root, files),
            Request::SyncAllOf { files, folders } => ckpt_calls::sync_all_of(&files, &folders),
            Request::RunPlan { plan, options } => {
                ckpt_calls::run_plan(self.plan(plan)?, options, &STOP, &mut tell)
            }
            Request::VerifyCheckpoint { dir, payloads, plan, sampled } => {
                let plan = plan.map(|plan| self.plan(plan)).transpose()?;
                ckpt_calls::verify_checkpoint(&dir, payloads, plan, sampled, &STOP)
            }
            Request::VerifyPlanFiles { plan, root, payloads } => {
                ckpt_calls::verify_plan_files(self.plan(plan)?, &root, payloads, &STOP)
            }
            Request::VerifyWrittenPlan { plan, root } => {
                ckpt_calls::verify_written_plan(self.plan(plan)?, &root)
            }
            Request::CheckpointPlan { dir, prefixes } => ckpt_calls::checkpoint_plan(&dir, &prefixes),
            Request::InspectCheckpoint { dir } => ckpt_calls::inspect_checkpoint(&dir),
            Request::BeyondBfloat16 { dir, keys } => ckpt_calls::beyond_bfloat16(&dir, &keys),
            Request::InspectTensor { dir, key } => ckpt_calls::inspect_tensor(&dir, &key),
            Request::InspectSourceTensor { path, name } => ckpt_calls::inspect_source_tensor(&path, &name),
        }
    }

    fn plan(&self, number: u32) -> Result<&Prepared, Failure> {
        self.plans.get(&number).ok_or_else(|| Failure::internal(&format!("no plan has number {number}")))
    }
}

fn tell(event: Progress) {
    let key = event.key.unwrap_or_default();
    // SAFETY: the host reads the key before it returns.
    unsafe { progress(event.done as f64, event.total as f64, key.as_ptr(), key.len()) };
}
