//! Block-aligned memory that is used again and again: a fresh page costs more than the copy into it.

use ckpt_safetensors::DIRECT_ALIGNMENT;

/// A fixed number of bytes at an address that direct reads and writes accept.
pub struct Buffer {
    storage: Vec<u8>,
    skip: usize,
    length: usize,
}

impl Buffer {
    pub fn new(length: usize) -> Self {
        let storage = vec![0; length + DIRECT_ALIGNMENT];
        let skip = storage.as_ptr().align_offset(DIRECT_ALIGNMENT);
        Buffer { storage, skip, length }
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
