//! Element types, casts and strided box copies. Pure compute: bytes in, bytes out, no I/O.
//!
//! All tensor bytes are little-endian, as in safetensors files and torch storages.

pub mod boxes;
pub mod bytes;
pub mod cast;
pub mod dequant;
mod dtype;
mod gather;
pub mod int4;
mod kernel;
pub mod product;
pub mod rounding;

pub use boxes::{BoxCopy, Dim};
pub use dtype::Dtype;
pub use gather::{Window, copy_box};
pub use kernel::{Kernel, Op};
