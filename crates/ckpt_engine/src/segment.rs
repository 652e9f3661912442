//! A segment of a target file: filled from whatever items lie in it, whatever their parts.

use crate::Error;
use crate::board::CrcBoard;
use crate::check::Checked;
use crate::fill::Filler;
use crate::journal::SliceRecord;
use crate::layout::{FileLayout, Placed, tensor_item};
use crate::plan::Item;
use crc32fast::Hasher;
use std::ops::Range;

/// Payload is gathered and summed in tiles that stay in the cache between the two.
const TILE: usize = 1 << 20;

/// What filling a segment needs besides its bytes.
pub struct Work<'a> {
    pub checked: &'a Checked,
    pub file: usize,
    pub layout: &'a FileLayout,
    pub board: &'a CrcBoard,
    /// Called with the payload bytes of each finished tile; an error stops the run.
    pub progress: &'a (dyn Fn(usize) -> Result<(), Error> + Sync),
}

impl Work<'_> {
    /// Fills `out` with the file's bytes from `begin` on. Returns the slices of payloads that reach beyond it.
    pub fn fill(&self, filler: &mut Filler, begin: u64, out: &mut [u8]) -> Result<Vec<SliceRecord>, Error> {
        let mut slices = Vec::new();
        let end = begin + out.len() as u64;
        let first = self.layout.items.partition_point(|placed| placed.end() <= begin);
        for (at, placed) in self.layout.items.iter().enumerate().skip(first) {
            if placed.start >= end {
                break;
            }
            match &self.checked.plan.files[self.file].items[at] {
                Item::Object(object) => {
                    overlay(out, begin, placed.start, &self.checked.objects[&object.object]);
                }
                item @ Item::Tensor(_) => {
                    slices.extend(self.fill_tensor(filler, begin, out, at, placed, item)?)
                }
            }
        }
        Ok(slices)
    }

    fn fill_tensor(
        &self,
        filler: &mut Filler,
        begin: u64,
        out: &mut [u8],
        at: usize,
        placed: &Placed,
        item: &Item,
    ) -> Result<Option<SliceRecord>, Error> {
        let mut beyond = None;
        let end = begin + out.len() as u64;
        let payload = placed.start + placed.prefix;
        let trailer = payload + placed.payload;
        let (wants_prefix, wants_trailer) = (begin < payload, trailer < end);
        let archive = (wants_prefix || wants_trailer)
            .then(|| tensor_item(self.checked, item, placed.start))
            .transpose()?;
        if let Some(archive) = archive.as_ref().filter(|_| wants_prefix) {
            overlay(out, begin, placed.start, archive.prefix());
        }
        let slice = payload.max(begin)..trailer.min(end);
        if slice.start < slice.end {
            let crc = self.fill_payload(filler, item, &slice, payload, begin, out)?;
            let (from, bytes) = (slice.start - payload, slice.end - slice.start);
            if bytes < placed.payload {
                beyond = Some(SliceRecord { item: at, from, bytes, crc: crc.clone().finalize() });
            }
            self.board.post((self.file, at), from, bytes, crc);
        }
        if let Some(archive) = archive.filter(|_| wants_trailer) {
            let crc = self.board.wait((self.file, at), placed.payload);
            let crc = crc.ok_or(Error::Interrupted { done: 0, total: 0 })?;
            overlay(out, begin, trailer, &archive.trailer(crc));
        }
        Ok(beyond)
    }

    /// Segments and payloads begin at multiples of every element's size, so slices hold whole elements.
    fn fill_payload(
        &self,
        filler: &mut Filler,
        item: &Item,
        slice: &Range<u64>,
        payload: u64,
        begin: u64,
        out: &mut [u8],
    ) -> Result<Hasher, Error> {
        let Item::Tensor(item) = item else { unreachable!("objects have no payload") };
        let size = self.checked.key_dtypes[item.key].1.size();
        let target = &mut out[(slice.start - begin) as usize..(slice.end - begin) as usize];
        let mut crc = Hasher::new();
        let mut element = (slice.start - payload) / size;
        for tile in target.chunks_mut(TILE) {
            filler.fill(item, element, tile)?;
            crc.update(tile);
            element += tile.len() as u64 / size;
            (self.progress)(tile.len())?;
        }
        Ok(crc)
    }
}

/// Puts the part of `bytes`, which belong at file position `start`, that lies in the segment.
fn overlay(out: &mut [u8], begin: u64, start: u64, bytes: &[u8]) {
    let from = start.max(begin);
    let to = (start + bytes.len() as u64).min(begin + out.len() as u64);
    if from < to {
        let part = &bytes[(from - start) as usize..(to - start) as usize];
        out[(from - begin) as usize..(to - begin) as usize].copy_from_slice(part);
    }
}
