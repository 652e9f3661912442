//! A tensor item read back: everything but the payload.

use crate::archive::check_byteorder;
use crate::pickle::{Globals, TensorRef, parse};
use crate::zip::ArchiveReader;
use crate::{Error, ReadAt, TorchDtype, view};

/// The pickle of one tensor takes some 200 bytes; a higher rank some more.
const MAX_PICKLE: u64 = 64 << 10;

/// What a tensor item says of its tensor and where the elements are. Counts are in elements,
/// positions and lengths in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemHeader {
    pub dtype: TorchDtype,
    pub shape: Vec<u64>,
    pub stride: Vec<u64>,
    /// The tensor's first element in its storage.
    pub storage_offset: u64,
    /// All elements of the storage, which the tensor may share with what was not saved.
    pub storage_numel: u64,
    /// Where the storage begins in the source that the item was read from.
    pub payload_position: u64,
    pub payload_len: u64,
    /// CRC-32 of the whole storage, as the zip directory has it; torch's own reader does not check it.
    pub payload_crc: u32,
}

impl ItemHeader {
    /// Whether the payload is exactly the tensor's elements in row-major order.
    pub fn is_contiguous(&self) -> bool {
        let numel: u64 = self.shape.iter().product();
        self.storage_numel == numel && view::is_contiguous(&self.shape, &self.stride)
    }
}

/// Reads the item at `position`, `length` bytes long, without its payload (about 2 KiB in 6 reads).
///
/// Errors: no torch.save archive of one plain tensor fills that range; its pickle's CRC is wrong;
/// the tensor does not fit in its record.
pub fn read_item_header<R: ReadAt + ?Sized>(
    source: &R,
    position: u64,
    length: u64,
) -> Result<ItemHeader, Error> {
    let archive = ArchiveReader::open(source, position, length)?;
    check_byteorder(&archive)?;
    let pickle = archive.data("data.pkl", MAX_PICKLE)?;
    let graph = parse(&pickle, Globals::Plain.into())?;
    let tensor = TensorRef::at(&graph, graph.root)?
        .ok_or_else(|| graph.unexpected(graph.root, "an item", "a tensor"))?;
    let name = format!("data/{}", tensor.key);
    let payload = archive.find(&name)?;
    if payload.size != tensor.storage_bytes {
        return Err(Error::Record { name, what: "of another size than its tensor's storage" });
    }
    Ok(ItemHeader {
        dtype: tensor.dtype,
        shape: tensor.shape,
        stride: tensor.stride,
        storage_offset: tensor.offset,
        storage_numel: tensor.storage_bytes / tensor.dtype.size(),
        payload_position: payload.position,
        payload_len: payload.size,
        payload_crc: payload.crc,
    })
}
