//! The zip archives of torch.save: every record stored, none compressed, one disk, no comment.

mod read;
mod write;

pub(crate) use read::ArchiveReader;
pub(crate) use write::{ArchiveWriter, Placement};

const LOCAL_SIGNATURE: u32 = 0x0403_4b50;
const DESCRIPTOR_SIGNATURE: u32 = 0x0807_4b50;
const CENTRAL_SIGNATURE: u32 = 0x0201_4b50;
const END64_SIGNATURE: u32 = 0x0606_4b50;
const LOCATOR_SIGNATURE: u32 = 0x0706_4b50;
const END_SIGNATURE: u32 = 0x0605_4b50;

const LOCAL_LEN: u64 = 30;

/// Tag of the extra field that holds 8-byte sizes and offsets.
const ZIP64_TAG: u16 = 0x0001;
/// From this value on, sizes and offsets move to the zip64 field (0xffffffff itself marks the move).
const ZIP64_FROM: u64 = u32::MAX as u64;
