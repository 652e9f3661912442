//! Where every item begins: sizes follow from the plan, so all positions are known before a byte is written.

use crate::Error;
use crate::check::Checked;
use crate::plan::{Container, Item, TargetFile, TensorItem};
use crate::share::{BLOCK, SHORTEST};
use ckpt_safetensors::write_header;
use ckpt_torch_dist::{PayloadPhase, TorchDtype};
use std::collections::HashMap;
use std::ops::Range;

/// Payloads begin at multiples of 64 in the file, not only in their item: so segments cut no element in two.
const ALIGNED: PayloadPhase = PayloadPhase { modulus: 64, residue: 0 };
/// The largest element: source bytes that begin at multiples of it are cut at elements, too.
const LARGEST_ELEMENT: u64 = 8;

/// An item's place in its file: `prefix`, then `payload`, then `trailer` bytes.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    pub start: u64,
    pub prefix: u64,
    pub payload: u64,
    pub trailer: u64,
}

impl Placed {
    pub fn len(&self) -> u64 {
        self.prefix + self.payload + self.trailer
    }

    pub fn payload_at(&self) -> u64 {
        self.start + self.prefix
    }

    pub fn trailer_at(&self) -> u64 {
        self.payload_at() + self.payload
    }

    pub fn end(&self) -> u64 {
        self.start + self.len()
    }
}

/// A file's length and its items' places, by their position in the plan.
pub struct FileLayout {
    pub path: String,
    pub rank: u32,
    pub bytes: u64,
    pub payload_bytes: u64,
    /// What the file begins with, before its first item.
    pub(crate) head: Vec<u8>,
    pub(crate) items: Vec<Placed>,
}

impl FileLayout {
    pub fn item_count(&self) -> usize {
        self.items.len()
    }

    /// The items that have bytes in a range of the file.
    pub(crate) fn overlapping(&self, begin: u64, end: u64) -> Range<usize> {
        let first = self.items.partition_point(|placed| placed.end() <= begin);
        let last = self.items.partition_point(|placed| placed.start < end);
        first..last.max(first)
    }
}

/// What decides the lengths of prefix and trailer: element type, sizes, and how the payload is placed.
type Kind<'a> = (TorchDtype, &'a [u64], u64, u64, u64);

pub struct Layout {
    pub files: Vec<FileLayout>,
}

impl Layout {
    /// Items back to back, in the plan's order.
    pub(crate) fn new(checked: &Checked) -> Result<Self, Error> {
        // What surrounds a payload depends on its shape, dtype and alignment; a model has few of them.
        let mut known: HashMap<Kind, (u64, u64)> = HashMap::new();
        let mut files = Vec::with_capacity(checked.plan.files.len());
        for file in &checked.plan.files {
            let mut items = Vec::with_capacity(file.items.len());
            let head = head(checked, file)?;
            let (mut at, mut payload_bytes) = (head.len() as u64, 0);
            for item in &file.items {
                let placed = match item {
                    Item::Object(object) => {
                        let bytes = checked.objects[&object.object].len() as u64;
                        Placed { start: at, prefix: bytes, payload: 0, trailer: 0 }
                    }
                    Item::Tensor(item) => {
                        let dtype = checked.key_dtypes[item.key].1;
                        let sizes = checked.sizes(item);
                        let phase = payload_phase(checked, item);
                        let kind = (dtype, sizes, phase.modulus, phase.residue, at % phase.modulus);
                        let (prefix, trailer) = match known.get(&kind) {
                            _ if checked.plan.container == Container::Safetensors => (0, 0),
                            Some(&lengths) => lengths,
                            None => {
                                let archive = item_archive(checked, item, at)?;
                                let lengths = (archive.prefix().len() as u64, archive.trailer_len());
                                known.insert(kind, lengths);
                                lengths
                            }
                        };
                        let payload =
                            dtype.bytes_of(sizes).map_err(|error| Error::Plan(error.to_string()))?;
                        Placed { start: at, prefix, payload, trailer }
                    }
                };
                // Payloads are below 2^63 and the rest of an item is small.
                at = at
                    .checked_add(placed.len())
                    .filter(|&end| i64::try_from(end).is_ok())
                    .ok_or_else(|| Error::Plan(format!("{} would be larger than 2^63 bytes", file.path)))?;
                payload_bytes += placed.payload;
                items.push(placed);
            }
            let (path, rank) = (file.path.clone(), file.rank);
            files.push(FileLayout { path, rank, bytes: at, payload_bytes, head, items });
        }
        Ok(Layout { files })
    }
}

/// The header of a safetensors file; nothing for other containers.
fn head(checked: &Checked, file: &TargetFile) -> Result<Vec<u8>, Error> {
    if checked.plan.container != Container::Safetensors {
        return Ok(Vec::new());
    }
    let tensors = file.items.iter().filter_map(|item| match item {
        Item::Tensor(item) => {
            let key = &checked.plan.keys[item.key];
            Some((key.key.as_str(), checked.key_dtypes[item.key].0, key.shape.as_slice()))
        }
        Item::Object(_) => None,
    });
    write_header(&file.header, tensors).map_err(|what| Error::Plan(format!("{}: {what}", file.path)))
}

/// Where an item's payload begins. In a plan that shares blocks, that is where the first long run of unchanged bytes lies
/// at the same place of a block as in the source: the runs behind it then mostly do so, too.
pub fn payload_phase(checked: &Checked, item: &TensorItem) -> PayloadPhase {
    if !checked.plan.share {
        return ALIGNED;
    }
    let (form, boxes) = (&checked.plan.forms[item.form], &checked.boxes[item.form]);
    let residues = form.copies.iter().zip(&boxes.boxes).filter_map(|(copy, piece)| {
        let number = item.tensors[copy.tensor];
        let dtype = checked.tensor_dtypes[number];
        let run = piece.dims.last().filter(|dim| dim.source == 1 && dim.target == 1)?.count;
        let size = dtype.size()? as u64;
        if copy.op.is_some() || dtype != checked.key_dtypes[item.key].0 || run * size < SHORTEST {
            return None;
        }
        let from = checked.plan.tensors[number].begin + piece.source * size;
        Some((from % BLOCK + BLOCK - piece.target * size % BLOCK) % BLOCK)
    });
    match residues.into_iter().next() {
        Some(residue) if residue.is_multiple_of(LARGEST_ELEMENT) => PayloadPhase { modulus: BLOCK, residue },
        _ => ALIGNED,
    }
}

/// The archive around a tensor item that begins at `start`.
pub fn item_archive(
    checked: &Checked,
    item: &TensorItem,
    start: u64,
) -> Result<ckpt_torch_dist::TensorItem, Error> {
    let dtype = checked.key_dtypes[item.key].1;
    ckpt_torch_dist::TensorItem::new(dtype, checked.sizes(item), start, Some(payload_phase(checked, item)))
        .map_err(|error| Error::Plan(error.to_string()))
}
