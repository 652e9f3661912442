//! CRCs of payloads that several segments write, combined when the item's trailer is due.

use crate::journal::SliceRecord;
use crc32fast::Hasher;
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// One item: its file and its position in the file.
pub type ItemId = (usize, usize);

/// A part of a payload with its CRC.
struct Slice {
    from: u64,
    bytes: u64,
    crc: Hasher,
}

/// Slices of payloads as they get done. `wait` cannot deadlock: segments are handed out in file order and a trailer
/// lies after its payload, so whoever waits for a slice waits for a segment handed out earlier, and the earliest
/// unfinished one waits for nobody.
#[derive(Default)]
pub struct CrcBoard {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    slices: HashMap<ItemId, Vec<Slice>>,
    stopped: bool,
}

impl CrcBoard {
    /// Adds a slice of `bytes` bytes that begins at byte `from` of the item's payload.
    pub fn post(&self, item: ItemId, from: u64, bytes: u64, crc: Hasher) {
        self.lock().slices.entry(item).or_default().push(Slice { from, bytes, crc });
        self.changed.notify_all();
    }

    /// Adds a slice that an earlier run has written.
    pub fn restore(&self, file: usize, slice: SliceRecord) {
        let SliceRecord { item, from, bytes, crc } = slice;
        self.post((file, item), from, bytes, Hasher::new_with_initial_len(crc, bytes));
    }

    /// The CRC of a whole payload of `bytes`, once all its slices are there. None when the run was stopped.
    pub fn wait(&self, item: ItemId, bytes: u64) -> Option<u32> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            let slices = state.slices.entry(item).or_default();
            if slices.iter().map(|slice| slice.bytes).sum::<u64>() == bytes {
                slices.sort_by_key(|slice| slice.from);
                let mut whole = Hasher::new();
                slices.iter().for_each(|slice| whole.combine(&slice.crc));
                return Some(whole.finalize());
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Drops an item that nobody will wait for again.
    pub fn forget(&self, item: ItemId) {
        self.lock().slices.remove(&item);
    }

    /// Wakes everybody who waits for slices that will not come.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_combine_in_payload_order() {
        let data: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let crc = |part: &[u8]| {
            let mut hasher = Hasher::new();
            hasher.update(part);
            hasher
        };
        let board = CrcBoard::default();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| board.wait((0, 1), 10_000));
            board.post((0, 1), 7000, 3000, crc(&data[7000..]));
            board.post((0, 1), 0, 4096, crc(&data[..4096]));
            board.post((0, 1), 4096, 2904, crc(&data[4096..7000]));
            assert_eq!(waiter.join().unwrap(), Some(crc32fast::hash(&data)));
        });
        assert_eq!(board.wait((0, 2), 0), Some(0));
        board.stop();
        assert_eq!(board.wait((0, 3), 1), None);
    }
}
