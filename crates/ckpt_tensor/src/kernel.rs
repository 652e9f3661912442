//! What happens to the elements of a copy.

use crate::Dtype;
use crate::cast::{CastFn, cast_fn};
use crate::dequant::{Block, Mxfp4};
use crate::int4::Int4;

/// An operation before the cast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    None,
    /// Subtract one in the source type, rounding as torch does.
    MinusOne,
    /// Add one likewise.
    PlusOne,
}

/// A conversion of runs of source elements into target elements.
#[derive(Clone)]
pub enum Kernel<'a> {
    Move { size: usize },
    Cast { run: CastFn, from: usize, to: usize },
    Block(Block<'a>),
    Mxfp4(Mxfp4<'a>),
    Int4(Int4<'a>),
}

impl Kernel<'_> {
    /// `None` when no conversion between the types exists.
    pub fn new(from: Dtype, to: Dtype, op: Op) -> Option<Kernel<'static>> {
        if from == to && op == Op::None {
            return Some(Kernel::Move { size: from.size()? });
        }
        let run = cast_fn(from, to, op)?;
        Some(Kernel::Cast { run, from: from.size()?, to: to.size()? })
    }

    /// Bytes of a target element.
    pub fn target_size(&self) -> usize {
        match self {
            Kernel::Move { size } => *size,
            Kernel::Cast { to, .. } => *to,
            Kernel::Block(block) => block.target.size,
            Kernel::Mxfp4(mx) => mx.target.size,
            Kernel::Int4(int4) => int4.target.size,
        }
    }

    /// Bits of a source element.
    pub fn source_bits(&self) -> u64 {
        match self {
            Kernel::Move { size } => *size as u64 * 8,
            Kernel::Cast { from, .. } => *from as u64 * 8,
            Kernel::Block(_) => 8,
            Kernel::Mxfp4(_) | Kernel::Int4(_) => 4,
        }
    }
}
