//! Where every item begins: sizes follow from the plan, so all positions are known before a byte is written.

use crate::Error;
use crate::check::Checked;
use crate::plan::Item;
use ckpt_torch_dist::{PayloadPhase, TensorItem, TorchDtype};
use std::collections::HashMap;

/// Payloads begin at multiples of 64 in the file, not only in their item: so segments cut no element in two.
const ALIGNED: PayloadPhase = PayloadPhase { modulus: 64, residue: 0 };

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
    pub(crate) items: Vec<Placed>,
}

pub struct Layout {
    pub files: Vec<FileLayout>,
}

impl Layout {
    /// Items back to back, in the plan's order.
    pub fn new(checked: &Checked) -> Result<Self, Error> {
        // What surrounds a payload depends on its shape, dtype and alignment; a model has few of them.
        let mut known: HashMap<(TorchDtype, &[u64], u64), (u64, u64)> = HashMap::new();
        let files = checked.plan.files.iter().map(|file| {
            let mut items = Vec::with_capacity(file.items.len());
            let (mut at, mut payload_bytes) = (0, 0);
            for item in &file.items {
                let placed = match item {
                    Item::Object(object) => {
                        let bytes = checked.objects[&object.object].len() as u64;
                        Placed { start: at, prefix: bytes, payload: 0, trailer: 0 }
                    }
                    Item::Tensor(tensor) => {
                        let dtype = checked.key_dtypes[tensor.key].1;
                        let (prefix, trailer) =
                            match known.get(&(dtype, tensor.sizes.as_slice(), at % ALIGNED.modulus)) {
                                Some(&lengths) => lengths,
                                None => {
                                    let item = tensor_item(checked, item, at)?;
                                    let lengths = (item.prefix().len() as u64, item.trailer_len());
                                    known.insert(
                                        (dtype, tensor.sizes.as_slice(), at % ALIGNED.modulus),
                                        lengths,
                                    );
                                    lengths
                                }
                            };
                        let payload =
                            dtype.bytes_of(&tensor.sizes).map_err(|error| Error::Plan(error.to_string()))?;
                        Placed { start: at, prefix, payload, trailer }
                    }
                };
                at = at
                    .checked_add(placed.len())
                    .ok_or_else(|| Error::Plan(format!("{} is too large", file.path)))?;
                payload_bytes += placed.payload;
                items.push(placed);
            }
            Ok(FileLayout { path: file.path.clone(), rank: file.rank, bytes: at, payload_bytes, items })
        });
        Ok(Layout { files: files.collect::<Result<_, Error>>()? })
    }
}

/// The archive around a tensor item that begins at `start`.
pub fn tensor_item(checked: &Checked, item: &Item, start: u64) -> Result<TensorItem, Error> {
    let Item::Tensor(item) = item else { unreachable!("objects have no payload") };
    let dtype = checked.key_dtypes[item.key].1;
    TensorItem::new(dtype, &item.sizes, start, Some(ALIGNED)).map_err(|error| Error::Plan(error.to_string()))
}
