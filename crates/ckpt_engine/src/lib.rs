//! Executes a conversion plan: checks it against the files, then streams source tensors into the items of the
//! checkpoint's files. The plan is input and is not trusted; the engine never learns a model's name.

mod archives;
mod backend;
mod board;
mod boxes;
mod budget;
mod buffer;
mod check;
mod checkpoint;
mod choice;
mod cover;
mod disk;
mod durable;
mod error;
mod fill;
mod gpu;
mod index;
mod journal;
#[cfg(test)]
mod late_lane;
mod layout;
mod low_rank;
mod machine;
mod norms;
mod pack;
mod plan;
mod read;
mod ready;
mod run;
mod scales;
mod segment;
mod share;
mod small_files;
mod stats;
mod value;
mod verify;
mod verify_files;
mod workers;
mod writer;
mod written;

pub use budget::Buffers;
pub use checkpoint::{Checkpoint, TensorReader};
pub use ckpt_safetensors::ReadMode;
pub use disk::{Disk, SystemDisk, TargetFile, WriteMode};
pub use durable::sync_paths;
pub use error::Error;
pub use gpu::Compute;
pub use layout::FileLayout;
pub use machine::default_memory;
pub use plan::Plan;
pub use run::{
    Control, JournalOptions, Options, Prepared, Progress, Report, execute, execute_on, index, index_on,
};
pub use share::{Sharing, can_clone};
pub use small_files::{Content, FileHash, hash_files, write_files};
pub use stats::{FloatStats, Stats, source_tensor_stats, tensor_stats};
pub use verify::{Depth, Findings, verify_against, verify_structure};
pub use verify_files::verify_files;
pub use written::verify_written;
