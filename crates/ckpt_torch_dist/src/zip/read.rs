//! The directory of an archive that may be anything: every number is checked before it is used, and
//! nothing but the directory is read until a record is asked for.

use std::collections::HashMap;

use super::*;
use crate::{Error, ReadAt};

const END_LEN: u64 = 22;
const LOCATOR_LEN: u64 = 20;
const END64_LEN: u64 = 56;
const CENTRAL_LEN: usize = 46;
/// One read of this many bytes has the whole directory of a tensor item.
const TAIL: u64 = 1024;
/// 16 MiB of directory are a hundred thousand records.
const MAX_DIRECTORY: u64 = 16 << 20;
const FLAG_ENCRYPTED: u16 = 1;

/// A record's place as the directory gives it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    offset: u64,
    size: u64,
    crc: u32,
}

/// Where a record's data lie in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) position: u64,
    pub(crate) size: u64,
    pub(crate) crc: u32,
}

impl Record {
    fn check(&self, name: &str, data: &[u8]) -> Result<(), Error> {
        let (expected, found) = (self.crc, crc32fast::hash(data));
        if found != expected {
            return Err(Error::Crc { name: name.to_string(), expected, found });
        }
        Ok(())
    }
}

/// A torch.save archive at `base` in a larger source.
pub(crate) struct ArchiveReader<'r, R: ReadAt + ?Sized> {
    source: &'r R,
    base: u64,
    /// Where the directory begins; all records end before.
    directory: u64,
    root: String,
    entries: HashMap<String, Entry>,
}

impl<'r, R: ReadAt + ?Sized> ArchiveReader<'r, R> {
    /// Reads the directory of the archive that fills exactly `length` bytes from `base` on.
    pub(crate) fn open(source: &'r R, base: u64, length: u64) -> Result<Self, Error> {
        let wrong = |what| Error::Archive { what };
        if base.checked_add(length).is_none() {
            return Err(wrong("its range is beyond 2^64"));
        }
        if length < END_LEN {
            return Err(wrong("it is shorter than the shortest archive"));
        }
        let view = View {
            source,
            base,
            length,
            tail: read(source, base + length - length.min(TAIL), length.min(TAIL))?,
        };
        let (start, size, count) = view.end()?;
        let end = start.checked_add(size).filter(|&end| end <= length - END_LEN);
        if end.is_none() {
            return Err(wrong("its directory lies outside it"));
        }
        if size > MAX_DIRECTORY {
            return Err(Error::Limit { what: "size of an archive's directory", limit: MAX_DIRECTORY });
        }
        let entries = directory(&view.read(start, size)?, count)?;
        let pickle = entries.keys().find_map(|name| name.strip_suffix("/data.pkl"));
        let root = pickle.ok_or(wrong("it has no record data.pkl"))?.to_string();
        Ok(ArchiveReader { source, base, directory: start, root, entries })
    }

    /// The record of this name, counted without the archive's root.
    pub(crate) fn find(&self, name: &str) -> Result<Record, Error> {
        let wrong = |what| Error::Record { name: name.to_string(), what };
        let full = format!("{}/{name}", self.root);
        let entry = self.entries.get(&full).ok_or(wrong("missing"))?;
        let header_end = entry.offset.checked_add(LOCAL_LEN).filter(|&end| end <= self.directory);
        header_end.ok_or(wrong("its header lies outside the archive"))?;
        let header = read(self.source, self.base + entry.offset, LOCAL_LEN)?;
        let mut fields = Fields(&header);
        if fields.u32() != LOCAL_SIGNATURE {
            return Err(wrong("no record begins where the directory says"));
        }
        fields.skip(22);
        let (name_len, extra_len) = (fields.u16(), fields.u16());
        if usize::from(name_len) != full.len() {
            return Err(wrong("its header has another name than the directory"));
        }
        let start = entry.offset + LOCAL_LEN + u64::from(name_len) + u64::from(extra_len);
        let end = start.checked_add(entry.size).filter(|&end| end <= self.directory);
        end.ok_or(wrong("its data lie outside the archive"))?;
        Ok(Record { position: self.base + start, size: entry.size, crc: entry.crc })
    }

    /// A record's data, checked against its CRC; an error if they are more than `limit` bytes.
    pub(crate) fn data(&self, name: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let record = self.find(name)?;
        if record.size > limit {
            return Err(Error::Limit { what: "size of a record", limit });
        }
        let data = read(self.source, record.position, record.size)?;
        record.check(name, &data)?;
        Ok(data)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(&format!("{}/{name}", self.root))
    }
}

impl ArchiveReader<'_, [u8]> {
    /// The record, once its data have the CRC that the directory gives.
    pub(crate) fn checked(&self, name: &str) -> Result<Record, Error> {
        let record = self.find(name)?;
        let start = record.position as usize;
        record.check(name, &self.source[start..start + record.size as usize])?;
        Ok(record)
    }
}

fn read<R: ReadAt + ?Sized>(source: &R, position: u64, length: u64) -> Result<Vec<u8>, Error> {
    // Never more than a caller's limit: a hostile length does not reach the allocator.
    let mut bytes =
        vec![0; usize::try_from(length).map_err(|_| Error::Archive { what: "it is too large for memory" })?];
    source.read_exact_at(&mut bytes, position)?;
    Ok(bytes)
}

/// The archive with its last bytes at hand.
struct View<'r, R: ReadAt + ?Sized> {
    source: &'r R,
    base: u64,
    length: u64,
    tail: Vec<u8>,
}

impl<R: ReadAt + ?Sized> View<'_, R> {
    /// Bytes of the archive; the range was checked to lie in it.
    fn read(&self, start: u64, size: u64) -> Result<Vec<u8>, Error> {
        let tail_start = self.length - self.tail.len() as u64;
        if start >= tail_start {
            let start = (start - tail_start) as usize;
            return Ok(self.tail[start..start + size as usize].to_vec());
        }
        read(self.source, self.base + start, size)
    }

    /// Start, size and record count of the directory.
    fn end(&self) -> Result<(u64, u64, u64), Error> {
        let wrong = |what| Error::Archive { what };
        let end = self.read(self.length - END_LEN, END_LEN)?;
        let mut fields = Fields(&end);
        if fields.u32() != END_SIGNATURE {
            return Err(wrong("no zip directory ends where it ends (truncated?)"));
        }
        fields.skip(6);
        let (count, size, start) =
            (u64::from(fields.u16()), u64::from(fields.u32()), u64::from(fields.u32()));
        let Some(locator_at) = (self.length - END_LEN).checked_sub(LOCATOR_LEN) else {
            return Ok((start, size, count));
        };
        let locator = self.read(locator_at, LOCATOR_LEN)?;
        let mut fields = Fields(&locator);
        if fields.u32() != LOCATOR_SIGNATURE {
            return Ok((start, size, count));
        }
        fields.skip(4);
        let end64_at = fields.u64();
        if end64_at.checked_add(END64_LEN).is_none_or(|end| end > locator_at) {
            return Err(wrong("its zip64 end record lies outside it"));
        }
        let end64 = self.read(end64_at, END64_LEN)?;
        let mut fields = Fields(&end64);
        if fields.u32() != END64_SIGNATURE {
            return Err(wrong("no zip64 end record is where it should be"));
        }
        fields.skip(28);
        let (count, size, start) = (fields.u64(), fields.u64(), fields.u64());
        Ok((start, size, count))
    }
}

/// The entries of a directory, by full name.
fn directory(bytes: &[u8], count: u64) -> Result<HashMap<String, Entry>, Error> {
    let wrong = |what| Error::Archive { what };
    let mut entries = HashMap::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (fixed, variable) =
            rest.split_at_checked(CENTRAL_LEN).ok_or(wrong("its directory ends inside an entry"))?;
        let mut fields = Fields(fixed);
        if fields.u32() != CENTRAL_SIGNATURE {
            return Err(wrong("its directory has something other than entries"));
        }
        fields.skip(4);
        let (flags, method) = (fields.u16(), fields.u16());
        fields.skip(4);
        let crc = fields.u32();
        let (stored, size) = (fields.u32(), fields.u32());
        let (name_len, extra_len, comment_len) = (fields.u16(), fields.u16(), fields.u16());
        fields.skip(8);
        let offset = fields.u32();
        let lengths = [name_len, extra_len, comment_len].map(usize::from);
        let (name, variable) =
            variable.split_at_checked(lengths[0]).ok_or(wrong("its directory ends inside a name"))?;
        let (extra, variable) =
            variable.split_at_checked(lengths[1]).ok_or(wrong("its directory ends inside an extra field"))?;
        rest = variable.get(lengths[2]..).ok_or(wrong("its directory ends inside a comment"))?;

        let name = str::from_utf8(name).map_err(|_| wrong("a record's name is not UTF-8"))?.to_string();
        let fault = |what| Error::Record { name: name.clone(), what };
        if method != 0 || flags & FLAG_ENCRYPTED != 0 {
            return Err(fault("compressed or encrypted; torch.save stores"));
        }
        let [size, stored, offset] =
            widen([size, stored, offset], extra).ok_or(fault("its zip64 field is incomplete"))?;
        if stored != size {
            return Err(fault("stored, but with two sizes"));
        }
        if entries.insert(name.clone(), Entry { offset, size, crc }).is_some() {
            return Err(fault("twice in the directory"));
        }
    }
    if entries.len() as u64 != count {
        return Err(wrong("its directory has another number of entries than it says"));
    }
    Ok(entries)
}

/// Size, stored size and offset, each from the zip64 field where the directory's own says so.
fn widen(numbers: [u32; 3], mut extra: &[u8]) -> Option<[u64; 3]> {
    let mut zip64: &[u8] = &[];
    while extra.len() >= 4 {
        let mut fields = Fields(extra);
        let (tag, length) = (fields.u16(), usize::from(fields.u16()));
        let field = extra.get(4..4 + length)?;
        if tag == ZIP64_TAG {
            zip64 = field;
        }
        extra = &extra[4 + length..];
    }
    let mut wide = [0; 3];
    for (number, wide) in numbers.into_iter().zip(&mut wide) {
        *wide = u64::from(number);
        if *wide == ZIP64_FROM {
            let (first, rest) = zip64.split_first_chunk::<8>()?;
            *wide = u64::from_le_bytes(*first);
            zip64 = rest;
        }
    }
    Some(wide)
}

/// Little-endian numbers off the front of bytes that were taken at their full length; a missing
/// byte reads as 0.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let (head, rest) = self.0.split_at(N.min(self.0.len()));
        array[..head.len()].copy_from_slice(head);
        self.0 = rest;
        array
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    fn skip(&mut self, bytes: usize) {
        self.0 = &self.0[bytes.min(self.0.len())..];
    }
}
