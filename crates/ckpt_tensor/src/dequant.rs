//! Dequantisation of block-scaled eight-bit and microscaled four-bit weights into floating types.
//!
//! Values are rounded to bfloat16 first, as the checkpoints' own loaders do, then cast to the target type.

use crate::Dtype;
use crate::cast::element::{Bf16, Element};
use crate::cast::{CastFn, cast_fn};
use crate::kernel::Op;

/// Elements dequantised at a time, through a buffer on the stack.
const STEP: usize = 512;

/// The cast from bfloat16 to what the caller wants.
#[derive(Clone, Copy)]
pub struct Target {
    pub size: usize,
    run: Option<CastFn>,
}

impl Target {
    /// `None` when `to` is not a floating type that can be cast to.
    pub fn new(to: Dtype) -> Option<Target> {
        let run = match to {
            Dtype::BF16 => None,
            _ => Some(cast_fn(Dtype::BF16, to, Op::None)?),
        };
        Some(Target { size: to.size()?, run })
    }

    fn write(&self, values: impl Iterator<Item = f32>, count: usize, target: &mut [u8]) {
        let mut buffer = [0u8; STEP * 2];
        let rounded = &mut buffer[..count * 2];
        for (to, value) in rounded.as_chunks_mut::<2>().0.iter_mut().zip(values) {
            *to = Bf16::narrow(value.to_bits(), 0xffff);
        }
        match self.run {
            Some(run) => run(rounded, target),
            None => target.copy_from_slice(rounded),
        }
    }
}

/// Block-scaled F8_E4M3: `bf16(f32(value) · f32(scale[row / rows, column / cols]))`.
#[derive(Clone)]
pub struct Block<'a> {
    pub target: Target,
    /// Elements a row of the weight.
    pub columns: u64,
    /// Rows and columns that share a scale.
    pub block: [u64; 2],
    /// Scales, row-major; `scales[0]` is the first of row `first_row` of the scale matrix.
    pub scales: &'a [f32],
    pub first_row: u64,
}

impl Block<'_> {
    /// Scales in a row of the scale matrix.
    pub fn scale_columns(&self) -> u64 {
        self.columns.div_ceil(self.block[1])
    }

    /// Converts the run of source elements that starts at element `at` of the tensor.
    pub(crate) fn run(&self, at: u64, source: &[u8], target: &mut [u8]) {
        let (mut at, mut done) = (at, 0);
        while done < source.len() {
            let (row, column) = (at / self.columns, at % self.columns);
            let block = column / self.block[1];
            let index = (row / self.block[0] - self.first_row) * self.scale_columns() + block;
            let scale = self.scales[index as usize];
            let block_end = ((block + 1) * self.block[1]).min(self.columns);
            let count = ((block_end - column) as usize).min(source.len() - done).min(STEP);
            let values = source[done..done + count].iter().map(|&byte| E4M3[byte as usize] * scale);
            self.target.write(
                values,
                count,
                &mut target[done * self.target.size..(done + count) * self.target.size],
            );
            done += count;
            at += count as u64;
        }
    }
}

/// MXFP4: two four-bit E2M1 values a byte, low nibble first, one power-of-two scale for 32 values.
#[derive(Clone)]
pub struct Mxfp4<'a> {
    pub target: Target,
    /// Biased exponents; `scales[0]` belongs to element `32 * first` of the tensor.
    pub scales: &'a [u8],
    pub first: u64,
}

impl Mxfp4<'_> {
    /// Values that share a scale.
    pub const GROUP: u64 = 32;

    /// Converts `count` elements from element `at` of the tensor on; `source[0]` holds elements `origin` and
    /// `origin + 1`.
    pub(crate) fn run(&self, at: u64, origin: u64, source: &[u8], count: usize, target: &mut [u8]) {
        let (mut at, mut done) = (at, 0);
        while done < count {
            let group = at / Self::GROUP;
            let scale = exponent_scale(self.scales[(group - self.first) as usize]);
            let n = (((group + 1) * Self::GROUP - at) as usize).min(count - done);
            let values = (0..n as u64).map(|i| {
                let element = at - origin + i;
                let byte = source[(element / 2) as usize];
                let code = if element.is_multiple_of(2) { byte & 15 } else { byte >> 4 };
                (f64::from(E2M1[code as usize]) * scale) as f32
            });
            let size = self.target.size;
            self.target.write(values, n, &mut target[done * size..(done + n) * size]);
            done += n;
            at += n as u64;
        }
    }
}

/// 2^(biased - 127), exact in f64 for every biased exponent.
fn exponent_scale(biased: u8) -> f64 {
    f64::from_bits((u64::from(biased) + 1023 - 127) << 52)
}

/// The sixteen values of four-bit E2M1.
const E2M1: [f32; 16] =
    [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0];

/// The values of F8_E4M3 (finite: 0x7f and 0xff are NaN, there is no infinity).
static E4M3: [f32; 256] = e4m3_table();

const fn e4m3_table() -> [f32; 256] {
    let mut table = [0.0f32; 256];
    let mut code = 0;
    while code < 256 {
        let exponent = (code >> 3) & 15;
        let mantissa = code & 7;
        let magnitude = if exponent == 15 && mantissa == 7 {
            f32::NAN
        } else if exponent == 0 {
            // Subnormals count in steps of 2^-9.
            mantissa as f32 * f32::from_bits((127 - 9) << 23)
        } else {
            f32::from_bits((exponent as u32 + 127 - 7) << 23 | (mantissa as u32) << 20)
        };
        table[code] = if code & 0x80 == 0 { magnitude } else { -magnitude };
        code += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BoxCopy, Dim, Kernel, Window, copy_box};

    #[test]
    fn the_e4m3_table_equals_torch() {
        let recorded = include_bytes!("../tests/data/e4m3.f32");
        for (value, bytes) in E4M3.iter().zip(recorded.chunks_exact(4)) {
            let expected = f32::from_le_bytes(bytes.try_into().unwrap());
            assert!(value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan());
        }
    }

    fn bf16(value: f32) -> [u8; 2] {
        half::bf16::from_f32(value).to_bits().to_le_bytes()
    }

    #[test]
    fn blocks_follow_rows_and_columns() {
        let (rows, columns) = (5u64, 7u64);
        let source: Vec<u8> = (0..rows * columns).map(|i| (i * 5 % 120) as u8).collect();
        let scales = [0.5, 2.0, 3.0, 1.5, 7.0, 0.25, 10.0, 11.0, 12.0];
        let block = Block {
            target: Target::new(Dtype::BF16).unwrap(),
            columns,
            block: [2, 3],
            scales: &scales,
            first_row: 0,
        };
        let mut target = vec![0; source.len() * 2];
        let dims = vec![Dim { count: rows * columns, source: 1, target: 1 }];
        let copy = BoxCopy { source: 0, target: 0, dims };
        copy_box(&Kernel::Block(block), Window { bytes: &source, origin: 0 }, &mut target, 0, &copy);
        for row in 0..rows {
            for column in 0..columns {
                let at = (row * columns + column) as usize;
                let scale = scales[(row / 2 * 3 + column / 3) as usize];
                assert_eq!(target[at * 2..at * 2 + 2], bf16(E4M3[source[at] as usize] * scale));
            }
        }
    }

    #[test]
    fn four_bit_values_take_the_low_nibble_first() {
        let source: Vec<u8> = (0..64u32).map(|i| (i * 37 % 256) as u8).collect();
        let scales = [127, 120, 130, 0];
        let mx = Mxfp4 { target: Target::new(Dtype::F32).unwrap(), scales: &scales, first: 0 };
        // Every second element, from an odd one on, out of a window that starts at element 8.
        let dims = vec![Dim { count: 50, source: 2, target: 1 }];
        let copy = BoxCopy { source: 9, target: 0, dims };
        let mut target = vec![0; 50 * 4];
        let window = Window { bytes: &source[4..], origin: 8 };
        copy_box(&Kernel::Mxfp4(mx), window, &mut target, 0, &copy);
        for i in 0..50usize {
            let element = 9 + 2 * i;
            let code = source[element / 2] >> 4;
            let value = E2M1[code as usize] * 2f32.powi(i32::from(scales[element / 32]) - 127);
            let expected = half::bf16::from_f32(value).to_f32();
            assert_eq!(target[i * 4..i * 4 + 4], expected.to_le_bytes());
        }
    }
}
