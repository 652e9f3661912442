//! Block-aligned memory that is used again and again: a fresh page costs more than the copy into it.

use crate::backend::{Lane, Pin};
use ckpt_safetensors::DIRECT_ALIGNMENT;

/// A fixed number of bytes at an address that direct reads and writes accept.
pub struct Buffer {
    /// Before the storage, so that it is dropped first.
    _pin: Option<Box<dyn Pin>>,
    storage: Vec<u8>,
    skip: usize,
    length: usize,
}

impl Buffer {
    pub fn new(length: usize) -> Self {
        let storage = vec![0; length + DIRECT_ALIGNMENT];
        let skip = storage.as_ptr().align_offset(DIRECT_ALIGNMENT);
        Buffer { _pin: None, storage, skip, length }
    }

    /// One that a lane's processor reads and writes by itself. `length` is a multiple of the alignment.
    pub fn pinned(length: usize, lane: &dyn Lane) -> Self {
        let mut buffer = Buffer::new(length);
        // SAFETY: the storage neither moves nor goes before the pin is dropped.
        buffer._pin = unsafe { lane.pin(buffer.bytes_mut()) };
        buffer
    }

    pub fn len(&self) -> usize {
        self.length
    }

    pub fn bytes(&self) -> &[u8] {
        &self.storage[self.skip..self.skip + self.length]
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.storage[self.skip..self.skip + self.length]
    }
}
