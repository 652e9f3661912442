//! Strided box copies, casts and dequantisation on NVIDIA GPUs: what `ckpt_tensor` does, the same bits.
//!
//! The driver (libcuda) is looked for at run time, so a binary with this crate starts on any machine. The kernel is
//! embedded as PTX, which the driver translates for its GPU.

#![cfg_attr(target_family = "wasm", allow(dead_code, reason = "there is no driver for the jobs"))]

#[cfg(target_family = "wasm")]
mod absent;
#[cfg(not(target_family = "wasm"))]
mod device;
mod error;
mod job;
#[cfg(not(target_family = "wasm"))]
mod lane;
#[cfg(not(target_family = "wasm"))]
mod pinned;
#[cfg(not(target_family = "wasm"))]
mod wait;

#[cfg(target_family = "wasm")]
pub use absent::{Device, Lane, Pinned, device_count, has_driver};
#[cfg(not(target_family = "wasm"))]
pub use device::{Device, device_count, has_driver};
pub use error::Error;
pub use job::{Job, MAX_AXES, Operation};
#[cfg(not(target_family = "wasm"))]
pub use lane::Lane;
#[cfg(not(target_family = "wasm"))]
pub use pinned::Pinned;
