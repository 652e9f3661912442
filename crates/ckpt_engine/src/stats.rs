//! What a tensor holds, told without showing it: a hash, and the figures that give away a broken one.

use crate::Error;
use crate::checkpoint::Checkpoint;
use ckpt_safetensors::{ReadMode, Source, read_header};
use ckpt_tensor::boxes::BoxCopy;
use ckpt_tensor::{Dim, Dtype, Kernel, Op, Window, copy_box};
use sha2::{Digest, Sha256};
use std::path::Path;

const TILE: usize = 1 << 20;

/// Figures over all elements; those of floats leave NaNs out.
#[derive(Debug)]
pub struct Stats {
    /// SHA-256 of the row-major little-endian elements.
    pub sha256: String,
    pub elements: u64,
    pub floats: Option<FloatStats>,
}

#[derive(Debug)]
pub struct FloatStats {
    pub min: f32,
    pub max: f32,
    pub mean: f64,
    pub nans: u64,
    pub infinities: u64,
    /// Elements that bfloat16 could not hold.
    pub beyond_bfloat16: u64,
}

/// Reads a whole tensor of a checkpoint, a tile at a time.
pub fn tensor_stats(checkpoint: &Checkpoint, key: usize) -> Result<Stats, Error> {
    let elements = checkpoint.keys()[key].shape.iter().product();
    let mut reader = checkpoint.reader();
    stats(checkpoint.dtype(key), elements, |at, bytes| reader.read(key, at, bytes))
}

/// Reads a whole tensor of a safetensors file. Errors: `Checkpoint` when there is none of that name.
pub fn source_tensor_stats(path: &Path, name: &str) -> Result<Stats, Error> {
    let header = read_header(path)?;
    let tensor = header
        .tensors
        .iter()
        .find(|tensor| tensor.name == name)
        .ok_or_else(|| Error::Checkpoint { path: path.to_path_buf(), fault: format!("no tensor {name}") })?;
    let source = Source::open(path, header.bytes, ReadMode::Pread)?;
    let size = tensor.dtype.size().unwrap_or(1) as u64;
    stats(tensor.dtype, tensor.shape.iter().product(), |at, bytes| {
        Ok(source.read(bytes, tensor.begin + at * size)?)
    })
}

/// Figures of `elements` elements; `read` fills a buffer from an element on.
fn stats(
    dtype: Dtype,
    elements: u64,
    mut read: impl FnMut(u64, &mut [u8]) -> Result<(), Error>,
) -> Result<Stats, Error> {
    let size = dtype
        .size()
        .ok_or_else(|| Error::Plan(format!("{} has no whole bytes", dtype.safetensors_name())))?;
    let mut hash = Sha256::new();
    let mut floats =
        Kernel::new(dtype, Dtype::F32, Op::None).filter(|_| dtype.is_castable_float()).map(Floats::new);
    let mut tile = vec![0; TILE];
    let mut at = 0;
    while at < elements {
        let count = (elements - at).min((TILE / size) as u64);
        let bytes = &mut tile[..count as usize * size];
        read(at, bytes)?;
        hash.update(&bytes);
        if let Some(floats) = &mut floats {
            floats.add(bytes, count);
        }
        at += count;
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Stats { sha256, elements, floats: floats.map(|floats| floats.finish(elements)) })
}

struct Floats {
    widen: Kernel<'static>,
    wide: Vec<u8>,
    sum: f64,
    stats: FloatStats,
}

impl Floats {
    fn new(widen: Kernel<'static>) -> Self {
        let stats = FloatStats {
            min: f32::INFINITY,
            max: f32::NEG_INFINITY,
            mean: 0.0,
            nans: 0,
            infinities: 0,
            beyond_bfloat16: 0,
        };
        Floats { widen, wide: vec![0; 4 * TILE], sum: 0.0, stats }
    }

    fn add(&mut self, bytes: &[u8], count: u64) {
        let wide = &mut self.wide[..count as usize * 4];
        let whole = BoxCopy { source: 0, target: 0, dims: vec![Dim { count, source: 1, target: 1 }] };
        copy_box(&self.widen, Window { bytes, origin: 0 }, wide, 0, &whole);
        for value in wide.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)) {
            self.stats.beyond_bfloat16 += u64::from(value.to_bits() & 0xffff != 0);
            if value.is_nan() {
                self.stats.nans += 1;
                continue;
            }
            self.stats.infinities += u64::from(value.is_infinite());
            self.stats.min = self.stats.min.min(value);
            self.stats.max = self.stats.max.max(value);
            self.sum += f64::from(value);
        }
    }

    fn finish(mut self, elements: u64) -> FloatStats {
        self.stats.mean = self.sum / (elements - self.stats.nans).max(1) as f64;
        self.stats
    }
}
