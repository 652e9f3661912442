//! The scales that a part of a quantised tensor needs.

use crate::Error;
use crate::check::Checked;
use crate::fill::Task;
use crate::plan::CopyOp;
use crate::read::Reader;
use ckpt_tensor::dequant::{Block, Mxfp4, Target, power_of_two};
use ckpt_tensor::int4::Int4;
use ckpt_tensor::{BoxCopy, Dtype, Kernel, Op};

/// Scales of one piece, from scale number `first` on; empty where none are needed.
#[derive(Default)]
pub struct Scales {
    first: u64,
    exponents: Vec<u8>,
    values: Vec<f32>,
}

impl Scales {
    /// Reads the scales of every element from the piece's first to its last.
    pub fn read(
        checked: &Checked,
        reader: &mut Reader,
        task: &Task,
        piece: &BoxCopy,
    ) -> Result<Scales, Error> {
        let last = piece.source + piece.source_span() - 1;
        let (scale, first, count) = match task.op {
            Some(&CopyOp::DequantBlock { scale, block, columns, .. }) => {
                let row = |element: u64| element / columns / block[0];
                let width = columns.div_ceil(block[1]);
                (scale, row(piece.source) * width, (row(last) - row(piece.source) + 1) * width)
            }
            Some(&CopyOp::DequantMxfp4 { scale }) => {
                let group = |element: u64| element / Mxfp4::GROUP;
                (scale, group(piece.source), group(last) - group(piece.source) + 1)
            }
            Some(&CopyOp::DequantInt4 { scale, group }) => {
                (scale, piece.source / group, last / group - piece.source / group + 1)
            }
            _ => return Ok(Scales::default()),
        };
        let scale = task.tensors[scale];
        let tensor = &checked.plan.tensors[scale];
        let dtype = checked.tensor_dtypes[scale];
        let size = u64::from(dtype.bits() / 8);
        let mut raw = vec![0; (count * size) as usize];
        reader.fill(tensor.source, tensor.begin + first * size, &mut raw)?;
        let values = match dtype {
            Dtype::U8 => return Ok(Scales { first, exponents: raw, values: Vec::new() }),
            Dtype::F32 => raw,
            Dtype::F8_E8M0 => raw.iter().flat_map(|&biased| power_of_two(biased).to_le_bytes()).collect(),
            _ => {
                let mut wide = vec![0; count as usize * 4];
                cast(dtype, Dtype::F32, &raw, &mut wide)?;
                wide
            }
        };
        let values = match task.op {
            Some(CopyOp::DequantBlock { rounded: true, .. }) => through_bfloat16(&values)?,
            _ => values,
        };
        let values = values.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Ok(Scales { first, exponents: Vec::new(), values })
    }

    /// The number of the first scale.
    pub fn first(&self) -> u64 {
        self.first
    }

    pub fn values(&self) -> &[f32] {
        &self.values
    }

    pub fn exponents(&self) -> &[u8] {
        &self.exponents
    }

    /// The conversion with these scales.
    pub fn kernel(&self, task: &Task) -> Result<Kernel<'_>, Error> {
        let missing = || no_cast(task.from, task.to);
        let target = || Target::new(task.to).ok_or_else(missing);
        Ok(match task.op {
            None => Kernel::new(task.from, task.to, Op::None).ok_or_else(missing)?,
            // What is loaded for it has become float32 by then.
            Some(CopyOp::LowRank(_)) => Kernel::new(Dtype::F32, task.to, Op::None).ok_or_else(missing)?,
            Some(CopyOp::MinusOne) => Kernel::new(task.from, task.to, Op::MinusOne).ok_or_else(missing)?,
            Some(CopyOp::PlusOne) => Kernel::new(task.from, task.to, Op::PlusOne).ok_or_else(missing)?,
            Some(&CopyOp::DequantBlock { block, columns, .. }) => {
                let first_row = self.first / columns.div_ceil(block[1]);
                Kernel::Block(Block { target: target()?, columns, block, scales: &self.values, first_row })
            }
            Some(&CopyOp::DequantInt4 { group, .. }) => {
                Kernel::Int4(Int4 { target: target()?, group, scales: &self.values, first: self.first })
            }
            Some(CopyOp::DequantMxfp4 { .. }) => {
                Kernel::Mxfp4(Mxfp4 { target: target()?, scales: &self.exponents, first: self.first })
            }
        })
    }
}

/// float32 rounded to bfloat16, as float32 again.
fn through_bfloat16(wide: &[u8]) -> Result<Vec<u8>, Error> {
    let mut narrow = vec![0; wide.len() / 2];
    let mut back = vec![0; wide.len()];
    cast(Dtype::F32, Dtype::BF16, wide, &mut narrow)?;
    cast(Dtype::BF16, Dtype::F32, &narrow, &mut back)?;
    Ok(back)
}

fn cast(from: Dtype, to: Dtype, source: &[u8], target: &mut [u8]) -> Result<(), Error> {
    let Some(Kernel::Cast { run, .. }) = Kernel::new(from, to, Op::None) else {
        return Err(no_cast(from, to));
    };
    run(source, target);
    Ok(())
}

fn no_cast(from: Dtype, to: Dtype) -> Error {
    Error::Plan(format!("no cast from {} to {}", from.safetensors_name(), to.safetensors_name()))
}
