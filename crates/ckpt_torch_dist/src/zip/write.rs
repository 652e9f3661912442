//! Record after record as torch's own writer (miniz under `PyTorchStreamWriter`) lays them out.

use super::*;
use crate::serialization_id::SerializationId;

/// Names are UTF-8.
const FLAG_UTF8: u16 = 1 << 11;
/// Sizes and CRC follow the data.
const FLAG_DESCRIPTOR: u16 = 1 << 3;
/// Tag of torch's padding field.
const PADDING_TAG: &[u8; 2] = b"FB";
/// The field's tag and length.
const PADDING_HEADER: u64 = 4;
/// What torch aligns a record's data to, counted from the archive's first byte.
const ALIGNMENT: u64 = 64;

/// Where a record's data may begin.
#[derive(Clone, Copy)]
pub(crate) enum Placement {
    /// At torch's alignment.
    Torch,
    /// Where position + `base` is congruent to `residue` modulo `modulus`.
    Phase { base: u64, modulus: u64, residue: u64 },
}

impl Placement {
    /// Bytes from `position` to the first allowed one.
    fn padding(self, position: u64) -> u64 {
        let (base, modulus, residue) = match self {
            Placement::Torch => (0, ALIGNMENT, 0),
            Placement::Phase { base, modulus, residue } => (base, modulus, residue),
        };
        let phase = (base % modulus + position % modulus) % modulus;
        (residue + modulus - phase) % modulus
    }
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    offset: u64,
    size: u64,
    crc: u32,
}

impl Entry {
    fn zip64_size(&self) -> bool {
        self.size >= ZIP64_FROM
    }

    fn zip64_offset(&self) -> bool {
        self.offset >= ZIP64_FROM
    }

    fn flags(&self) -> u16 {
        if self.size == 0 { FLAG_UTF8 } else { FLAG_UTF8 | FLAG_DESCRIPTOR }
    }

    /// The zip64 extra field, empty when neither size nor offset needs one. The local header leaves
    /// the stored size 0, as it does in its fixed part: the descriptor has it.
    fn zip64_field(&self, stored_size: u64) -> Vec<u8> {
        let mut numbers = Vec::new();
        if self.zip64_size() {
            numbers.extend([self.size, stored_size]);
        }
        if self.zip64_offset() {
            numbers.push(self.offset);
        }
        let mut field = Vec::new();
        if !numbers.is_empty() {
            u16s(&mut field, &[ZIP64_TAG, 8 * numbers.len() as u16]);
            u64s(&mut field, &numbers);
        }
        field
    }
}

/// Lays out one archive, appending to buffers that the caller owns.
#[derive(Clone)]
pub(crate) struct ArchiveWriter {
    root: String,
    position: u64,
    entries: Vec<Entry>,
}

impl ArchiveWriter {
    pub(crate) fn new(root: &str) -> Self {
        ArchiveWriter { root: root.to_string(), position: 0, entries: Vec::new() }
    }

    /// A whole record at torch's alignment.
    pub(crate) fn record(&mut self, out: &mut Vec<u8>, name: &str, data: &[u8]) {
        self.begin(out, name, data.len() as u64, Placement::Torch);
        out.extend_from_slice(data);
        self.end(out, crc32fast::hash(data));
    }

    /// A record's local header and padding; `size` bytes of data are to follow.
    pub(crate) fn begin(&mut self, out: &mut Vec<u8>, name: &str, size: u64, placement: Placement) {
        let entry = Entry { name: format!("{}/{name}", self.root), offset: self.position, size, crc: 0 };
        let zip64 = entry.zip64_field(0);
        let unpadded =
            self.position + LOCAL_LEN + entry.name.len() as u64 + zip64.len() as u64 + PADDING_HEADER;
        let padding = placement.padding(unpadded);
        let extra = zip64.len() as u64 + PADDING_HEADER + padding;

        u32s(out, &[LOCAL_SIGNATURE]);
        // Version, flags, method, time, date.
        u16s(out, &[0, entry.flags(), 0, 0, 0]);
        // CRC and both sizes are in the descriptor.
        u32s(out, &[0, 0, 0]);
        u16s(out, &[entry.name.len() as u16, extra as u16]);
        out.extend_from_slice(entry.name.as_bytes());
        out.extend_from_slice(&zip64);
        out.extend_from_slice(PADDING_TAG);
        u16s(out, &[padding as u16]);
        out.resize(out.len() + padding as usize, b'Z');
        self.position = unpadded + padding + size;
        self.entries.push(entry);
    }

    /// The descriptor of the record begun last; an empty record has none.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>, crc: u32) {
        let Some(entry) = self.entries.last_mut() else { return };
        if entry.size == 0 {
            return;
        }
        entry.crc = crc;
        u32s(out, &[DESCRIPTOR_SIGNATURE, crc]);
        if entry.zip64_size() || entry.zip64_offset() {
            u64s(out, &[entry.size, entry.size]);
            self.position += 24;
        } else {
            u32s(out, &[entry.size as u32, entry.size as u32]);
            self.position += 16;
        }
    }

    /// The records that close every archive, then the central directory and the end records.
    pub(crate) fn finish(mut self, out: &mut Vec<u8>) {
        self.record(out, "version", b"3\n");
        let digits = self.serialization_id();
        self.record(out, ".data/serialization_id", &digits);

        let (start, before) = (self.position, out.len());
        for entry in &self.entries {
            central(out, entry);
        }
        let size = (out.len() - before) as u64;
        let end64 = start + size;
        let count = self.entries.len() as u64;
        u32s(out, &[END64_SIGNATURE]);
        // Length of the rest of this record.
        u64s(out, &[44]);
        // Version made by (Unix), version needed: zip64.
        u16s(out, &[0x031e, 45]);
        u32s(out, &[0, 0]);
        u64s(out, &[count, count, size, start]);

        u32s(out, &[LOCATOR_SIGNATURE, 0]);
        u64s(out, &[end64]);
        u32s(out, &[1]);

        let count = count.min(u64::from(u16::MAX)) as u16;
        u32s(out, &[END_SIGNATURE]);
        u16s(out, &[0, 0, count, count]);
        u32s(out, &[size.min(ZIP64_FROM) as u32, start.min(ZIP64_FROM) as u32]);
        u16s(out, &[0]);
    }

    fn serialization_id(&self) -> [u8; 40] {
        let mut id = SerializationId::default();
        for entry in &self.entries {
            id.add(&entry.name[self.root.len() + 1..], (entry.size > 0).then_some(entry.crc));
        }
        id.digits()
    }
}

fn central(out: &mut Vec<u8>, entry: &Entry) {
    let zip64 = entry.zip64_field(entry.size);
    let size = entry.size.min(ZIP64_FROM) as u32;
    u32s(out, &[CENTRAL_SIGNATURE]);
    // Version made by, version needed, flags, method, time, date.
    u16s(out, &[0, 0, entry.flags(), 0, 0, 0]);
    u32s(out, &[entry.crc, size, size]);
    // Lengths of name, extra and comment; disk; internal attributes.
    u16s(out, &[entry.name.len() as u16, zip64.len() as u16, 0, 0, 0]);
    u32s(out, &[0, entry.offset.min(ZIP64_FROM) as u32]);
    out.extend_from_slice(entry.name.as_bytes());
    out.extend_from_slice(&zip64);
}

fn u16s(out: &mut Vec<u8>, numbers: &[u16]) {
    numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
}

fn u32s(out: &mut Vec<u8>, numbers: &[u32]) {
    numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
}

fn u64s(out: &mut Vec<u8>, numbers: &[u64]) {
    numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
}
