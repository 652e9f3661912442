//! A box copy with its conversion, and the form in which the kernel takes it.

use ckpt_tensor::{BoxCopy, Dtype, Op, Window};

/// Axes that the kernel has room for; merged boxes of checkpoints have at most five.
pub const MAX_AXES: usize = 8;

/// What happens to the elements.
#[derive(Clone, Copy)]
pub enum Operation<'a> {
    /// Elements of `size` bytes stay as they are.
    Move { size: usize },
    /// Between F32, BF16 and F16, after an operation in the source type.
    Cast { from: Dtype, to: Dtype, op: Op },
    /// F8_E4M3 in blocks, as `ckpt_tensor::dequant::Block`.
    Block { to: Dtype, columns: u64, block: [u64; 2], scales: &'a [f32], first_row: u64 },
    /// MXFP4, as `ckpt_tensor::dequant::Mxfp4`.
    Mxfp4 { to: Dtype, scales: &'a [u8], first: u64 },
}

/// The box `copy` (merged, in elements) out of `window`, into a tile whose first element is `target_origin`.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub operation: Operation<'a>,
    pub window: Window<'a>,
    pub target_origin: u64,
    pub copy: &'a BoxCopy,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Axis {
    count: u32,
    padding: u32,
    source: u64,
    target: u64,
}

/// `struct Params` of the kernel.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Params {
    pub source: u64,
    pub target: u64,
    pub scales: u64,
    first: u64,
    origin: u64,
    at: u64,
    columns: u64,
    block_rows: u64,
    block_columns: u64,
    first_scale: u64,
    pub volume: u32,
    axes: u32,
    op: u32,
    from: u32,
    to: u32,
    padding: u32,
    axis: [Axis; MAX_AXES],
}

#[cfg(not(target_family = "wasm"))]
// SAFETY: the layout is C's and equals that of the kernel's parameter.
unsafe impl cudarc::driver::DeviceRepr for Params {}

impl Job<'_> {
    /// `None` when the kernel has no form for it.
    pub(crate) fn params(&self) -> Option<Params> {
        let dims = &self.copy.dims;
        let volume = u32::try_from(self.copy.volume()).ok()?;
        if dims.len() > MAX_AXES {
            return None;
        }
        let mut axis = [Axis::default(); MAX_AXES];
        for (axis, dim) in axis.iter_mut().zip(dims) {
            // Below the volume, which fits.
            *axis = Axis { count: dim.count as u32, padding: 0, source: dim.source, target: dim.target };
        }
        let (op, from, to) = match self.operation {
            Operation::Move { size } => (0, matches!(size, 1 | 2 | 4 | 8).then_some(size as u32)?, 0),
            Operation::Cast { from, to, op } => (number(op), format(from)?, format(to)?),
            Operation::Block { to, .. } => (3, 0, format(to)?),
            Operation::Mxfp4 { to, .. } => (4, 0, format(to)?),
        };
        let (columns, block, first_scale) = match self.operation {
            Operation::Block { columns, block, first_row, .. } => (columns, block, first_row),
            Operation::Mxfp4 { first, .. } => (0, [0; 2], first),
            _ => (0, [0; 2], 0),
        };
        Some(Params {
            source: 0,
            target: 0,
            scales: 0,
            first: self.copy.source,
            origin: self.window.origin,
            at: self.copy.target - self.target_origin,
            columns,
            block_rows: block[0],
            block_columns: block[1],
            first_scale,
            volume,
            axes: dims.len() as u32,
            op,
            from,
            to,
            padding: 0,
            axis,
        })
    }

    pub(crate) fn scale_bytes(&self) -> &[u8] {
        match self.operation {
            Operation::Move { .. } | Operation::Cast { .. } => &[],
            Operation::Mxfp4 { scales, .. } => scales,
            // SAFETY: any f32 is four initialised bytes.
            Operation::Block { scales, .. } => unsafe {
                std::slice::from_raw_parts(scales.as_ptr().cast(), size_of_val(scales))
            },
        }
    }

    /// Window bytes from the first to the last one that the box reads.
    pub(crate) fn reads(&self) -> usize {
        let elements = self.copy.source - self.window.origin + self.copy.source_span();
        (elements * self.operation.source_bits()).div_ceil(8) as usize
    }

    /// Bytes from the tile's first to the last one that the box reaches.
    pub(crate) fn reach(&self) -> usize {
        let elements = self.copy.target - self.target_origin + self.copy.target_span();
        elements as usize * self.operation.target_size()
    }
}

impl Operation<'_> {
    /// Bits of a source element.
    fn source_bits(&self) -> u64 {
        match *self {
            Operation::Move { size } => size as u64 * 8,
            Operation::Cast { from, .. } => from.bits().into(),
            Operation::Block { .. } => 8,
            Operation::Mxfp4 { .. } => 4,
        }
    }

    /// Bytes of a target element.
    pub fn target_size(&self) -> usize {
        match *self {
            Operation::Move { size } => size,
            Operation::Cast { to, .. } | Operation::Block { to, .. } | Operation::Mxfp4 { to, .. } => {
                to.bits() as usize / 8
            }
        }
    }
}

fn number(op: Op) -> u32 {
    match op {
        Op::None => 1,
        Op::MinusOne => 2,
        Op::PlusOne => 5,
    }
}

fn format(dtype: Dtype) -> Option<u32> {
    match dtype {
        Dtype::F32 => Some(0),
        Dtype::BF16 => Some(1),
        Dtype::F16 => Some(2),
        _ => None,
    }
}
