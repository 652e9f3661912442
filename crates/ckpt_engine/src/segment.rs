//! A segment of a target file: filled from whatever items lie in it, whatever their parts.

use crate::Error;
use crate::archives::Archives;
use crate::board::CrcBoard;
use crate::check::Checked;
use crate::fill::{Filler, Pieces, Tile};
use crate::journal::SliceRecord;
use crate::layout::{FileLayout, Placed};
use crate::plan::{Item, TensorItem};
use crc32fast::Hasher;
use std::ops::Range;

/// A range of a target file.
pub struct Segment {
    pub file: usize,
    pub begin: u64,
    pub length: usize,
}

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
    pub fn fill(
        &self,
        filler: &mut Filler,
        archives: &mut Archives,
        begin: u64,
        out: &mut [u8],
    ) -> Result<Vec<SliceRecord>, Error> {
        let mut slices = Vec::new();
        overlay(out, begin, 0, &self.layout.head);
        let end = begin + out.len() as u64;
        let items = &self.checked.plan.files[self.file].items;
        let mut trailers = Vec::new();
        for at in self.layout.overlapping(begin, end) {
            let placed = &self.layout.items[at];
            match &items[at] {
                Item::Object(object) => {
                    overlay(out, begin, placed.start, &self.checked.objects[&object.object]);
                }
                Item::Tensor(item) => {
                    if placed.prefix > 0 && begin < placed.payload_at() {
                        let archive = archives.get(self.checked, item, placed.start)?;
                        overlay(out, begin, placed.start, archive.prefix());
                    }
                    if begin <= placed.start && placed.end() <= end {
                        // Nobody else has a part of it.
                        let crc = self.fill_payload(filler, item, placed, begin, out)?;
                        if placed.trailer > 0 {
                            let archive = archives.get(self.checked, item, placed.start)?;
                            overlay(out, begin, placed.trailer_at(), &archive.trailer(crc.finalize()));
                        }
                        continue;
                    }
                    slices.extend(self.fill_slice(filler, at, item, placed, begin, out)?);
                    if placed.trailer > 0 && placed.trailer_at() < end {
                        trailers.push((at, item));
                    }
                }
            }
        }
        // Last, since the first of them may wait for what other workers do: by now they have done most of it.
        for (at, item) in trailers {
            let placed = &self.layout.items[at];
            let crc = self.board.wait((self.file, at), placed.payload);
            let crc = crc.ok_or(Error::Interrupted { done: 0, total: 0 })?;
            let archive = archives.get(self.checked, item, placed.start)?;
            overlay(out, begin, placed.trailer_at(), &archive.trailer(crc));
            // A trailer that a border cuts is wanted by two segments, in any order.
            if begin <= placed.trailer_at() && placed.end() <= end {
                self.board.forget((self.file, at));
            }
        }
        Ok(slices)
    }

    /// Fills what of an item's payload lies in the segment, and posts its CRC for whoever writes the trailer.
    fn fill_slice(
        &self,
        filler: &mut Filler,
        at: usize,
        item: &TensorItem,
        placed: &Placed,
        begin: u64,
        out: &mut [u8],
    ) -> Result<Option<SliceRecord>, Error> {
        let payload = placed.payload_at();
        let slice = payload.max(begin)..placed.trailer_at().min(begin + out.len() as u64);
        if slice.is_empty() {
            return Ok(None);
        }
        let crc = self.fill_payload(filler, item, placed, begin, out)?;
        if placed.trailer == 0 {
            return Ok(None);
        }
        let (from, bytes) = (slice.start - payload, slice.end - slice.start);
        let beyond = (bytes < placed.payload).then(|| SliceRecord {
            item: at,
            from,
            bytes,
            crc: crc.clone().finalize(),
        });
        self.board.post((self.file, at), from, bytes, crc);
        Ok(beyond)
    }

    /// Fills what of an item's payload lies in the segment; returns its CRC. Segments and payloads begin at multiples of
    /// every element's size, so slices hold whole elements.
    fn fill_payload(
        &self,
        filler: &mut Filler,
        item: &TensorItem,
        placed: &Placed,
        begin: u64,
        out: &mut [u8],
    ) -> Result<Hasher, Error> {
        let payload = placed.payload_at();
        let slice = payload.max(begin)..placed.trailer_at().min(begin + out.len() as u64);
        let mut crc = Hasher::new();
        if slice.is_empty() {
            return Ok(crc);
        }
        let size = self.checked.key_dtypes[item.key].1.size();
        let pieces = Pieces::new(self.checked, item);
        if slice.start == payload {
            filler.announce(&pieces);
        }
        let target = &mut out[within(&slice, begin)];
        // Only what surrounds a payload tells its CRC.
        let summed = placed.trailer > 0;
        let mut element = (slice.start - payload) / size;
        filler.position = slice.start;
        let mut sum = |tile: &[u8]| {
            if summed {
                crc.update(tile);
            }
            (self.progress)(tile.len())
        };
        let mut under_way: Option<Tile> = None;
        for tile in target.chunks_mut(filler.tile(&pieces)) {
            let bytes = tile.len() as u64;
            let started = filler.start(&pieces, element, tile)?;
            element += bytes / size;
            filler.position += bytes;
            // A tile is summed while the next is under way, or at once, while it is in the cache.
            if let Some(earlier) = under_way.take() {
                sum(filler.finish(earlier, usize::from(started.is_under_way()))?)?;
            }
            if started.is_under_way() {
                under_way = Some(started);
            } else {
                sum(filler.finish(started, 0)?)?;
            }
        }
        if let Some(last) = under_way {
            sum(filler.finish(last, 0)?)?;
        }
        Ok(crc)
    }
}

fn within(range: &Range<u64>, begin: u64) -> Range<usize> {
    (range.start - begin) as usize..(range.end - begin) as usize
}

/// Puts the part of `bytes`, which belong at file position `start`, that lies in the segment.
fn overlay(out: &mut [u8], begin: u64, start: u64, bytes: &[u8]) {
    let from = start.max(begin);
    let to = (start + bytes.len() as u64).min(begin + out.len() as u64);
    if from < to {
        out[within(&(from..to), begin)].copy_from_slice(&bytes[within(&(from..to), start)]);
    }
}
