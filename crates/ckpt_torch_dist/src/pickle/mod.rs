//! Python's pickle format, as far as torch writes it.

pub(crate) mod emit;
pub(crate) mod opcode;
mod save;
mod value;

pub(crate) use save::{save_tensor, save_value};
pub use value::{How, Object, Value};
