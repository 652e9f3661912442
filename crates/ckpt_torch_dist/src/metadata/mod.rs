//! `.metadata`: which tensors and objects a checkpoint has, and where their bytes are.

mod read;
mod write;

use crate::TorchDtype;

pub use read::read_metadata;
pub use write::write_metadata;

/// A checkpoint's index, torch's `Metadata` without what is constant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    pub tensors: Vec<TensorEntry>,
    /// Keys of objects: `BytesStorageMetadata`.
    pub bytes: Vec<String>,
    pub storage: Vec<StorageEntry>,
    /// The directory that it was saved to, as given. None in checkpoints of torch before 2.3.
    pub checkpoint_id: Option<String>,
    /// A UUID of the saving run. None in checkpoints of torch before 2.3.
    pub save_id: Option<String>,
}

/// A global tensor and the grid that it is cut into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorEntry {
    pub key: String,
    pub dtype: TorchDtype,
    pub shape: Vec<u64>,
    pub chunks: Vec<Chunk>,
}

/// A box of a global tensor, in elements.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chunk {
    pub offsets: Vec<u64>,
    pub sizes: Vec<u64>,
}

/// Where an item is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageEntry {
    pub key: String,
    /// The chunk's offsets; None for an object.
    pub offset: Option<Vec<u64>>,
    /// The file, relative to `.metadata`'s directory: `__0_0.distcp`.
    pub relative_path: String,
    /// First byte of the item in that file.
    pub position: u64,
    /// Bytes of the item.
    pub length: u64,
}
