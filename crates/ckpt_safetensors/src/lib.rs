//! Safetensors files as untrusted input: headers read with every number distrusted, data read by position from files
//! that may change.

mod entries;
mod error;
mod header;
mod source;

pub use entries::TensorInfo;
pub use error::Error;
pub use header::{Header, read_header};
pub use source::{DIRECT_ALIGNMENT, ReadMode, Source, SourceFile, Stamp, SystemFile};
