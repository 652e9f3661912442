//! safetensors files: headers read with every number distrusted, data read by position.

mod error;
mod header;
mod source;

pub use error::Error;
pub use header::{Header, TensorInfo, read_header};
pub use source::{ReadMode, Source};
