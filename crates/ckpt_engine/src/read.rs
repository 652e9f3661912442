//! Source bytes for a worker: straight into place, or into scratch memory to be converted from.

use crate::Error;
use crate::buffer::Buffer;
use ckpt_safetensors::{DIRECT_ALIGNMENT, ReadMode, Source};
use memmap2::Mmap;

/// A direct read pays a round trip to the disk, a cached one profits from the kernel's reading ahead: short reads
/// never go directly.
const SHORTEST_DIRECT: usize = 128 << 10;

/// Reads from sources; owns the scratch memory that reads go through.
pub struct Reader<'a> {
    sources: &'a [Source],
    /// A filesystem refused direct reads: they go through the page cache from then on.
    pub direct_refused: bool,
    /// Whether anything was read past the page cache.
    pub direct_used: bool,
    /// Windows in turns.
    scratch: Vec<Buffer>,
    turn: usize,
    /// Bytes delivered so far.
    pub bytes_read: u64,
}

/// Where loaded bytes are.
pub enum Loaded {
    Scratch { skip: usize, length: usize },
    Mapped(Mmap),
}

impl<'a> Reader<'a> {
    /// `windows`: at least one; of `window_bytes` bytes each.
    pub fn new(sources: &'a [Source], windows: Vec<Buffer>) -> Self {
        Reader {
            sources,
            direct_refused: false,
            direct_used: false,
            scratch: windows,
            turn: 0,
            bytes_read: 0,
        }
    }

    /// Bytes of a window that holds `capacity` bytes: a direct read begins and ends on blocks around what is wanted.
    pub fn window_bytes(capacity: usize) -> usize {
        capacity + 2 * DIRECT_ALIGNMENT
    }

    /// The most that `load` and `gather` take.
    pub fn capacity(&self) -> usize {
        self.scratch[self.turn].len() - 2 * DIRECT_ALIGNMENT
    }

    /// Leaves the window that was read into last as it is until all others had their turn.
    pub fn next_window(&mut self) {
        self.turn = (self.turn + 1) % self.scratch.len();
    }

    fn mode(&self, source: usize) -> ReadMode {
        match self.sources[source].mode() {
            ReadMode::Direct | ReadMode::Auto if self.direct_refused => ReadMode::Pread,
            mode => mode,
        }
    }

    /// Announces many small reads in a range.
    pub fn will_need(&self, source: usize, position: u64, length: u64) {
        self.sources[source].will_need(position, length);
    }

    /// Fills `out` with the bytes from `position` on.
    pub fn fill(&mut self, source: usize, position: u64, out: &mut [u8]) -> Result<(), Error> {
        if self.mode(source) == ReadMode::Pread || out.len() < SHORTEST_DIRECT {
            self.bytes_read += out.len() as u64;
            return Ok(self.sources[source].read(out, position)?);
        }
        if self.mode(source) == ReadMode::Auto && self.sources[source].read_cached(out, position)? {
            self.bytes_read += out.len() as u64;
            return Ok(());
        }
        let mut position = position;
        for part in out.chunks_mut(self.capacity()) {
            let loaded = self.load(source, position, part.len())?;
            part.copy_from_slice(self.bytes(&loaded));
            position += part.len() as u64;
        }
        Ok(())
    }

    /// Gets a range, which stays until the next call.
    pub fn load(&mut self, source: usize, position: u64, length: usize) -> Result<Loaded, Error> {
        self.bytes_read += length as u64;
        let mode = self.mode(source);
        let source = &self.sources[source];
        if mode == ReadMode::Mmap && length > 0 {
            return Ok(Loaded::Mapped(source.map(position, length)?));
        }
        let is_large = length >= SHORTEST_DIRECT;
        if mode == ReadMode::Auto
            && is_large
            && source.read_cached(&mut self.scratch[self.turn].bytes_mut()[..length], position)?
        {
            return Ok(Loaded::Scratch { skip: 0, length });
        }
        if matches!(mode, ReadMode::Direct | ReadMode::Auto) && is_large {
            let skip = (position % DIRECT_ALIGNMENT as u64) as usize;
            let whole = (skip + length).next_multiple_of(DIRECT_ALIGNMENT);
            let scratch = &mut self.scratch[self.turn].bytes_mut()[..whole];
            if source.read_direct(scratch, position - skip as u64, skip + length)? {
                self.direct_used = true;
                return Ok(Loaded::Scratch { skip, length });
            }
            self.direct_refused = true;
        }
        source.read(&mut self.scratch[self.turn].bytes_mut()[..length], position)?;
        Ok(Loaded::Scratch { skip: 0, length })
    }

    /// Gets ranges of equal length, packed one behind the other.
    pub fn gather(
        &mut self,
        source: usize,
        positions: impl Iterator<Item = u64>,
        length: usize,
    ) -> Result<Loaded, Error> {
        let mut end = 0;
        for position in positions {
            self.sources[source]
                .read(&mut self.scratch[self.turn].bytes_mut()[end..end + length], position)?;
            end += length;
        }
        self.bytes_read += end as u64;
        Ok(Loaded::Scratch { skip: 0, length: end })
    }

    pub fn bytes<'b>(&'b self, loaded: &'b Loaded) -> &'b [u8] {
        match loaded {
            Loaded::Scratch { skip, length } => &self.scratch[self.turn].bytes()[*skip..skip + length],
            Loaded::Mapped(map) => map,
        }
    }
}
