//! The Megatron side of a conversion: what `torch.distributed.checkpoint` and `torch.save` put on
//! disk, written and read without Python.
//!
//! A checkpoint is a `.metadata` pickle ([`Metadata`]) and `.distcp` files, each a run of items.
//! An item is a `torch.save` archive of one tensor ([`TensorItem`], [`ItemHeader`]) or of a small
//! object ([`save_object`], [`load_object`]).

mod archive;
mod dtype;
mod error;
mod item;
mod item_header;
mod metadata;
mod pickle;
mod read_at;
mod serialization_id;
mod view;
mod zip;

pub use archive::{load_object, save_object};
pub use dtype::TorchDtype;
pub use error::Error;
pub use item::{PayloadPhase, TensorItem};
pub use item_header::{ItemHeader, read_item_header};
pub use metadata::{Chunk, Metadata, StorageEntry, TensorEntry, read_metadata, write_metadata};
pub use pickle::{Globals, How, Object, Value};
pub use read_at::ReadAt;
