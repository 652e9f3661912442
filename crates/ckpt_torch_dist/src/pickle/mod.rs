//! Python's pickle format, as far as torch writes it.

pub(crate) mod emit;
pub(crate) mod globals;
pub(crate) mod graph;
#[cfg(test)]
mod hostile;
mod load;
pub(crate) mod opcode;
mod parse;
mod save;
mod tensor_ref;
mod value;

pub use globals::Globals;
pub(crate) use load::{Storages, load_value};
pub(crate) use parse::parse;
pub(crate) use save::{save_tensor, save_value};
pub(crate) use tensor_ref::TensorRef;
pub use value::{How, Object, Value};
