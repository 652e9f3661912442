//! Strided box copies, casts and dequantisation on NVIDIA GPUs: what `ckpt_tensor` does, the same bits.
//!
//! The driver (libcuda) is looked for at run time, so a binary with this crate starts on any machine. The kernel is
//! embedded as PTX, which the driver translates for its GPU.

mod device;
mod error;
mod job;
mod lane;

pub use device::{Device, device_count};
pub use error::Error;
pub use job::{Job, MAX_AXES, Operation};
pub use lane::Lane;
