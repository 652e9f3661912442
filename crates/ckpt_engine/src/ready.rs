//! Which segments can be filled while some sources are not there yet, or not there any more.

use crate::check::Checked;
use crate::layout::{FileLayout, Layout};
use crate::plan::Item;
use crate::segment::Segment;
use ckpt_safetensors::{SourceFile, Stamp};
use memmap2::Mmap;
use std::collections::{BTreeSet, HashSet};
use std::io;

/// The segments to fill now, and the sources that the others need.
#[derive(Default)]
pub struct Split {
    pub now: Vec<Segment>,
    pub waiting: BTreeSet<usize>,
}

/// Splits unfinished segments, given in file order, by whether all their sources are among the `ready` ones.
///
/// A segment with an item's trailer needs the sum of the whole payload: it also waits for the earlier segments of the
/// item, which may wait for a source of another item that they hold.
pub fn split(segments: Vec<Segment>, checked: &Checked, layout: &Layout, ready: &HashSet<usize>) -> Split {
    let mut result = Split::default();
    let mut postponed: HashSet<(usize, usize)> = HashSet::new();
    for segment in segments {
        let (number, end) = (segment.file, segment.begin + segment.length as u64);
        let file = &layout.files[number];
        let items = file.overlapping(segment.begin, end);
        let is_stuck =
            items.clone().any(|at| file.items[at].trailer_at() < end && postponed.contains(&(number, at)));
        let payloads: Vec<usize> = items.filter(|&at| has_payload(file, at, &segment)).collect();
        let sources: BTreeSet<usize> = payloads
            .iter()
            .filter_map(|&at| match &checked.plan.files[number].items[at] {
                Item::Tensor(item) => {
                    Some(item.tensors.iter().map(|&tensor| checked.plan.tensors[tensor].source))
                }
                Item::Object(_) => None,
            })
            .flatten()
            .collect();
        if !is_stuck && sources.iter().all(|source| ready.contains(source)) {
            result.now.push(segment);
        } else {
            postponed.extend(payloads.into_iter().map(|at| (number, at)));
            result.waiting.extend(sources);
        }
    }
    result
}

/// Whether a segment holds some of an item's payload.
fn has_payload(file: &FileLayout, at: usize, segment: &Segment) -> bool {
    let placed = &file.items[at];
    let begin = placed.payload_at().max(segment.begin);
    begin < placed.trailer_at().min(segment.begin + segment.length as u64)
}

/// Stands for a source that is not there: no segment that is filled reads it.
pub struct AbsentFile {
    pub bytes: u64,
}

impl SourceFile for AbsentFile {
    fn stamp(&self) -> io::Result<Stamp> {
        Ok((self.bytes, None))
    }

    fn read(&self, _buffer: &mut [u8], _position: u64) -> io::Result<usize> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn read_direct(&self, _buffer: &mut [u8], _position: u64) -> io::Result<usize> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn map(&self, _position: u64, _length: usize) -> io::Result<Mmap> {
        Err(io::ErrorKind::NotFound.into())
    }
}
