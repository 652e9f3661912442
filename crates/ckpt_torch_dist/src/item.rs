//! A tensor item of a `.distcp` file: a torch.save archive around a payload that someone else writes.

use crate::archive::begin_archive;
use crate::pickle::save_tensor;
use crate::zip::{ArchiveWriter, Placement};
use crate::{Error, TorchDtype};

/// Where a payload is to begin in its file: at a position congruent to `residue` modulo `modulus`.
///
/// Readers find records through the zip directory, so any position is legal; torch's own is a
/// multiple of 64 from the item's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadPhase {
    /// 1 to [`PayloadPhase::MAX_MODULUS`].
    pub modulus: u64,
    pub residue: u64,
}

impl PayloadPhase {
    /// The padding is a zip extra field, whose length has 16 bits.
    pub const MAX_MODULUS: u64 = 32768;
}

/// The bytes of an item around its payload, all known before the payload is: prefix, then
/// `payload_len` bytes, then the trailer, whose length never changes but whose content holds the
/// payload's CRC.
///
/// An item keeps its prefix (0.7 KiB, more with a phase): for a layout of many items, take the
/// lengths and make the items again when their bytes are due.
pub struct TensorItem {
    prefix: Vec<u8>,
    payload_len: u64,
    trailer_len: u64,
    archive: ArchiveWriter,
}

impl TensorItem {
    /// Lays out the item that holds a contiguous tensor of this shape and begins at byte `start` of
    /// its file. Without a phase the bytes are those of torch 2.9's `torch.save`, and `start` makes
    /// no difference.
    ///
    /// Errors: a tensor of 2^63 bytes or more, a phase that the padding cannot reach.
    pub fn new(
        dtype: TorchDtype,
        shape: &[u64],
        start: u64,
        phase: Option<PayloadPhase>,
    ) -> Result<Self, Error> {
        let payload_len = dtype.bytes_of(shape)?;
        let placement = match phase {
            None => Placement::Torch,
            Some(PayloadPhase { modulus, residue }) => {
                let max = PayloadPhase::MAX_MODULUS;
                if modulus > max || residue >= modulus {
                    return Err(Error::Phase { modulus, residue, max });
                }
                Placement::Phase { base: start, modulus, residue }
            }
        };
        let mut prefix = Vec::with_capacity(768);
        let mut archive = begin_archive(&mut prefix, "archive", &save_tensor(dtype, shape));
        archive.begin(&mut prefix, "data/0", payload_len, placement);
        let mut item = TensorItem { prefix, payload_len, trailer_len: 0, archive };
        item.trailer_len = item.trailer(0).len() as u64;
        Ok(item)
    }

    /// All bytes before the payload.
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    pub fn payload_len(&self) -> u64 {
        self.payload_len
    }

    pub fn trailer_len(&self) -> u64 {
        self.trailer_len
    }

    /// All bytes after the payload: its data descriptor, the last records, the zip directory.
    /// `payload_crc` is the payload's CRC-32 (zip's, as crc32fast computes it).
    pub fn trailer(&self, payload_crc: u32) -> Vec<u8> {
        let mut archive = self.archive.clone();
        let mut trailer = Vec::with_capacity(1024);
        archive.end(&mut trailer, payload_crc);
        archive.finish(&mut trailer);
        trailer
    }

    /// Bytes of the whole item.
    #[expect(clippy::len_without_is_empty, reason = "an item is never empty")]
    pub fn len(&self) -> u64 {
        self.prefix.len() as u64 + self.payload_len + self.trailer_len
    }
}
