//! What surrounds payloads, made once for items that differ in their payload only.

use crate::Error;
use crate::check::Checked;
use crate::layout::{item_archive, payload_phase};
use crate::plan::TensorItem;
use ckpt_torch_dist::TorchDtype;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Archives that are kept: they are up to 5 KiB each.
const MOST: usize = 256;

/// Form, element type, and how its payload is placed.
type Kind = (usize, TorchDtype, u64, u64, u64);

/// A worker's archives.
#[derive(Default)]
pub struct Archives {
    known: HashMap<Kind, ckpt_torch_dist::TensorItem>,
}

impl Archives {
    /// The archive around a tensor item that begins at `start`.
    pub fn get(
        &mut self,
        checked: &Checked,
        item: &TensorItem,
        start: u64,
    ) -> Result<&ckpt_torch_dist::TensorItem, Error> {
        let phase = payload_phase(checked, item);
        let dtype = checked.key_dtypes[item.key].1;
        let kind = (item.form, dtype, phase.modulus, phase.residue, start % phase.modulus);
        if self.known.len() >= MOST && !self.known.contains_key(&kind) {
            self.known.clear();
        }
        Ok(match self.known.entry(kind) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(item_archive(checked, item, start)?),
        })
    }
}
