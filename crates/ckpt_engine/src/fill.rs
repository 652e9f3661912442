//! Payload bytes of an item, any range of them, gathered from its copies.

use crate::Error;
use crate::check::Checked;
use crate::plan::{Copy, CopyOp, TensorItem};
use ckpt_safetensors::Source;
use ckpt_tensor::boxes::BoxCopy;
use ckpt_tensor::dequant::{Block, Mxfp4, Target};
use ckpt_tensor::{Dim, Dtype, Kernel, Op, Window, copy_box};

/// Reads of strided boxes may cover at most this many times the bytes that they are for.
const READ_WASTE: u64 = 2;
/// Below this, one read costs more than the bytes between.
const SMALL_READ: u64 = 64 << 10;

/// Fills ranges of payloads; owns the scratch memory that reads go through.
pub struct Filler<'a> {
    checked: &'a Checked,
    sources: &'a [Source],
    scratch: Vec<u8>,
    /// Bytes read from sources so far.
    pub bytes_read: u64,
}

impl<'a> Filler<'a> {
    pub fn new(checked: &'a Checked, sources: &'a [Source], scratch: usize) -> Self {
        Filler { checked, sources, scratch: vec![0; scratch], bytes_read: 0 }
    }

    /// Writes the payload's elements from `begin` on into `out`, as many as it holds.
    pub fn fill(&mut self, item: &TensorItem, begin: u64, out: &mut [u8]) -> Result<(), Error> {
        let (to, torch) = self.checked.key_dtypes[item.key];
        let end = begin + out.len() as u64 / torch.size();
        if item.fill.is_some() {
            out.fill(0);
        }
        let steps = row_major(&item.extent);
        for copy in &item.copies {
            let dims = (0..item.extent.len())
                .map(|d| Dim { count: copy.size[d], source: copy.strides[d], target: steps[d] })
                .collect();
            let target = copy.start.iter().zip(&steps).map(|(at, step)| at * step).sum();
            let mut pieces = Vec::new();
            BoxCopy { source: copy.offset, target, dims }
                .intersect(begin, end, &mut |piece| pieces.push(piece));
            for mut piece in pieces {
                piece.merge();
                self.copy(copy, &piece, begin, out, to)?;
            }
        }
        Ok(())
    }

    fn copy(
        &mut self,
        copy: &Copy,
        piece: &BoxCopy,
        begin: u64,
        out: &mut [u8],
        to: Dtype,
    ) -> Result<(), Error> {
        let tensor = &self.checked.plan.tensors[copy.tensor];
        let from = self.checked.tensor_dtypes[copy.tensor];
        if let (true, None, Some(size)) = (is_run(piece) && from == to, &copy.op, to.size()) {
            let at = (piece.target - begin) as usize * size;
            let bytes = &mut out[at..at + piece.volume() as usize * size];
            return self.read(tensor.source, tensor.begin + piece.source * size as u64, bytes);
        }
        let bits =
            if matches!(copy.op, Some(CopyOp::DequantMxfp4 { .. })) { 4 } else { u64::from(from.bits()) };
        // A window of packed elements begins at a whole byte.
        let origin = piece.source - piece.source % (8 / bits).max(1);
        let span = ((piece.source - origin + piece.source_span()) * bits).div_ceil(8);
        let useful = (piece.volume() * bits).div_ceil(8);
        let fits = span <= self.scratch.len() as u64 && span <= (READ_WASTE * useful).max(SMALL_READ);
        match if fits { None } else { widest(piece) } {
            Some(axis) => {
                let step = piece.dims[axis].count.div_ceil(2);
                let halves: Vec<BoxCopy> = piece.split(axis, step).collect();
                for mut half in halves {
                    half.merge();
                    self.copy(copy, &half, begin, out, to)?;
                }
                Ok(())
            }
            None => {
                let scales = self.scales(copy, piece)?;
                let mut scratch = std::mem::take(&mut self.scratch);
                let bytes = &mut scratch[..span as usize];
                let read = self.read(tensor.source, tensor.begin + origin * bits / 8, bytes);
                if read.is_ok() {
                    let kernel = scales.kernel(copy, from, to)?;
                    copy_box(&kernel, Window { bytes, origin }, out, begin, piece);
                }
                self.scratch = scratch;
                read
            }
        }
    }

    fn read(&mut self, source: usize, position: u64, bytes: &mut [u8]) -> Result<(), Error> {
        self.bytes_read += bytes.len() as u64;
        Ok(self.sources[source].read_at(bytes, position)?)
    }

    /// The scales of the part of a quantised tensor that a piece touches.
    fn scales(&mut self, copy: &Copy, piece: &BoxCopy) -> Result<Scales, Error> {
        let last = piece.source + piece.source_span() - 1;
        let (scale, first, count) = match copy.op {
            Some(CopyOp::DequantBlock { scale, block, columns }) => {
                let row = |element: u64| element / columns / block[0];
                let width = columns.div_ceil(block[1]);
                (scale, row(piece.source) * width, (row(last) - row(piece.source) + 1) * width)
            }
            Some(CopyOp::DequantMxfp4 { scale }) => {
                let group = |element: u64| element / Mxfp4::GROUP;
                (scale, group(piece.source), group(last) - group(piece.source) + 1)
            }
            _ => return Ok(Scales::default()),
        };
        let tensor = &self.checked.plan.tensors[scale];
        let dtype = self.checked.tensor_dtypes[scale];
        let size = u64::from(dtype.bits() / 8);
        let mut raw = vec![0; (count * size) as usize];
        self.read(tensor.source, tensor.begin + first * size, &mut raw)?;
        if dtype == Dtype::U8 {
            return Ok(Scales { first, raw, values: Vec::new() });
        }
        let mut wide = vec![0; count as usize * 4];
        let kernel = Kernel::new(dtype, Dtype::F32, Op::None).ok_or_else(|| no_cast(dtype, Dtype::F32))?;
        let dims = vec![Dim { count, source: 1, target: 1 }];
        copy_box(
            &kernel,
            Window { bytes: &raw, origin: 0 },
            &mut wide,
            0,
            &BoxCopy { source: 0, target: 0, dims },
        );
        let values = wide.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Ok(Scales { first, raw: Vec::new(), values })
    }
}

/// Scales read for one piece, from scale number `first` on.
#[derive(Default)]
struct Scales {
    first: u64,
    raw: Vec<u8>,
    values: Vec<f32>,
}

impl Scales {
    fn kernel(&self, copy: &Copy, from: Dtype, to: Dtype) -> Result<Kernel<'_>, Error> {
        let target = || Target::new(to).ok_or_else(|| no_cast(from, to));
        Ok(match copy.op {
            None => Kernel::new(from, to, Op::None).ok_or_else(|| no_cast(from, to))?,
            Some(CopyOp::MinusOne) => Kernel::new(from, to, Op::MinusOne).ok_or_else(|| no_cast(from, to))?,
            Some(CopyOp::DequantBlock { block, columns, .. }) => {
                let first_row = self.first / columns.div_ceil(block[1]);
                Kernel::Block(Block { target: target()?, columns, block, scales: &self.values, first_row })
            }
            Some(CopyOp::DequantMxfp4 { .. }) => {
                Kernel::Mxfp4(Mxfp4 { target: target()?, scales: &self.raw, first: self.first })
            }
        })
    }
}

fn no_cast(from: Dtype, to: Dtype) -> Error {
    Error::Plan(format!("no cast from {} to {}", from.safetensors_name(), to.safetensors_name()))
}

/// Whether source and target are each one contiguous run.
fn is_run(piece: &BoxCopy) -> bool {
    match piece.dims.as_slice() {
        [] => true,
        [dim] => dim.source == 1 && dim.target == 1,
        _ => false,
    }
}

/// The axis with the widest step through the source; None for a single element.
fn widest(piece: &BoxCopy) -> Option<usize> {
    (0..piece.dims.len()).max_by_key(|&axis| piece.dims[axis].source)
}

fn row_major(shape: &[u64]) -> Vec<u64> {
    let mut steps = vec![1; shape.len()];
    for d in (1..shape.len()).rev() {
        steps[d - 1] = steps[d] * shape[d];
    }
    steps
}
