//! The calls of JavaScript as plain functions, which block until they are done: JSON in and out. `ckpt_node` carries them
//! across N-API, `ckpt_wasm` out of WebAssembly.

mod checkpoints;
mod error;
mod headers;
mod options;
mod plans;
mod small_files;

pub use checkpoints::{
    beyond_bfloat16, checkpoint_plan, inspect_checkpoint, inspect_source_tensor, inspect_tensor,
    verify_checkpoint, verify_plan_files, verify_written_plan,
};
pub use ckpt_engine::{Prepared, Progress};
pub use error::Failure;
pub use headers::inspect;
pub use options::ExecuteOptions;
pub use plans::{can_clone_into, index_plan, load_plan, plan_buffers, plan_files, run_plan};
pub use small_files::{SmallFile, hash_whole_files, sync_all_of, write_small_files};
