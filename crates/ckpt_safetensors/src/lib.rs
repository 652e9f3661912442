//! Safetensors files: headers read as untrusted input, with every number distrusted, and written; data read by position
//! from files that may change.

mod entries;
mod error;
mod header;
mod source;
mod write;

pub use entries::{Entries, TensorInfo, parse_entries};
pub use error::Error;
pub use header::{Header, read_header};
pub use source::{DIRECT_ALIGNMENT, ReadMode, Source, SourceFile, Stamp, SystemFile};
pub use write::write_header;
