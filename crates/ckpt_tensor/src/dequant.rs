//! Dequantisation of block-scaled eight-bit and microscaled four-bit weights into floating types.
//!
//! Values are rounded to bfloat16 first, as the checkpoints' own loaders do, then cast to the target type.

use crate::Dtype;
use crate::cast::element::{Bf16, Element};
use crate::cast::{CastFn, Level, cast_fn};
use crate::kernel::Op;

/// Elements dequantised at a time where bfloat16 is not the target, through a buffer on the stack.
const STEP: usize = 512;

/// Converts packed values that share a scale into bfloat16.
type ScaleFn = fn(source: &[u8], scale: f32, target: &mut [u8]);

/// How bfloat16 values become what the caller wants, and what makes them on this machine.
#[derive(Clone, Copy)]
pub struct Target {
    pub size: usize,
    cast: Option<CastFn>,
    e4m3: ScaleFn,
    e2m1: ScaleFn,
}

impl Target {
    /// `None` when `to` is not a floating type that can be cast to.
    pub fn new(to: Dtype) -> Option<Target> {
        let cast = match to {
            Dtype::BF16 => None,
            _ => Some(cast_fn(Dtype::BF16, to, Op::None)?),
        };
        let (e4m3, e2m1) = scale_fns(Level::detect());
        Some(Target { size: to.size()?, cast, e4m3, e2m1 })
    }

    /// Has `make` write the bfloat16 values from a given one on into the bytes that it gets.
    pub(crate) fn fill(&self, target: &mut [u8], mut make: impl FnMut(usize, &mut [u8])) {
        let Some(cast) = self.cast else { return make(0, target) };
        let mut buffer = [0u8; STEP * 2];
        for (at, part) in target.chunks_mut(STEP * self.size).enumerate() {
            let values = &mut buffer[..part.len() / self.size * 2];
            make(at * STEP, values);
            cast(values, part);
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
            let count = ((block_end - column) as usize).min(source.len() - done);
            let source = &source[done..done + count];
            let size = self.target.size;
            self.target.fill(&mut target[done * size..(done + count) * size], |from, values| {
                (self.target.e4m3)(&source[from..from + values.len() / 2], scale, values);
            });
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
        let size = self.target.size;
        while done < count {
            let group = at / Self::GROUP;
            let biased = self.scales[(group - self.first) as usize];
            let n = (((group + 1) * Self::GROUP - at) as usize).min(count - done);
            let target = &mut target[done * size..(done + n) * size];
            let first = at - origin;
            let is_whole = n as u64 == Self::GROUP && first.is_multiple_of(2);
            match exponent_scale(biased).filter(|_| is_whole) {
                Some(scale) => self.target.fill(target, |from, values| {
                    let begin = first as usize / 2 + from / 2;
                    (self.target.e2m1)(&source[begin..begin + values.len() / 4], scale, values);
                }),
                None => self.target.fill(target, |from, values| {
                    for (i, to) in values.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                        let element = first + (from + i) as u64;
                        let byte = source[(element / 2) as usize];
                        let code = if element.is_multiple_of(2) { byte & 15 } else { byte >> 4 };
                        *to = e2m1_by_table(code, biased);
                    }
                }),
            }
            done += n;
            at += n as u64;
        }
    }
}

/// The sixteen values of four-bit E2M1.
const E2M1: [f64; 16] =
    [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0];

/// One value, through f64, in which every scale is a normal number.
fn e2m1_by_table(code: u8, biased: u8) -> [u8; 2] {
    let scale = f64::from_bits((u64::from(biased) + 1023 - 127) << 52);
    Bf16::narrow(((E2M1[code as usize] * scale) as f32).to_bits(), 0xffff)
}

/// 2^(biased - 127) where f32 has it as a normal number.
fn exponent_scale(biased: u8) -> Option<f32> {
    (1..=254).contains(&biased).then(|| f32::from_bits(u32::from(biased) << 23))
}

/// F8_E8M0 as f32: 2^(biased - 127), the lowest of which f32 has as a subnormal; 0xff is NaN.
pub fn power_of_two(biased: u8) -> f32 {
    f32::from_bits(match biased {
        0 => 1 << 22,
        0xff => 0x7fc0_0000,
        _ => u32::from(biased) << 23,
    })
}

/// F8_E4M3 as f32 bits. Finite: 0x7f and 0xff are NaN, there is no infinity.
#[inline(always)]
fn widen_e4m3(code: u8) -> u32 {
    let sign = u32::from(code & 0x80) << 24;
    let magnitude = u32::from(code & 0x7f);
    let normal = (magnitude << 20) + ((127 - 7) << 23);
    // Subnormals count in steps of 2^-9.
    let subnormal = (magnitude as f32 * f32::from_bits((127 - 9) << 23)).to_bits();
    let finite = if magnitude < 8 { subnormal } else { normal };
    sign | if magnitude == 0x7f { 0x7fc0_0000 } else { finite }
}

/// Four-bit E2M1 as f32.
#[inline(always)]
fn widen_e2m1(code: u32) -> f32 {
    let sign = (code & 8) << 28;
    let magnitude = code & 7;
    let normal = (magnitude << 22) + (126 << 23);
    let subnormal = if magnitude == 1 { 0.5f32.to_bits() } else { 0 };
    f32::from_bits(sign | if magnitude < 2 { subnormal } else { normal })
}

#[inline(always)]
fn scale_e4m3(source: &[u8], scale: f32, target: &mut [u8]) {
    for (to, &code) in target.as_chunks_mut::<2>().0.iter_mut().zip(source) {
        *to = Bf16::narrow((f32::from_bits(widen_e4m3(code)) * scale).to_bits(), 0xffff);
    }
}

/// `scale` is a power of two: with two significant bits a product is a bfloat16, no bit is rounded away.
#[inline(always)]
fn scale_e2m1(source: &[u8], scale: f32, target: &mut [u8]) {
    for (to, &byte) in target.as_chunks_mut::<4>().0.iter_mut().zip(source) {
        let low = (widen_e2m1(u32::from(byte & 15)) * scale).to_bits();
        let high = (widen_e2m1(u32::from(byte >> 4)) * scale).to_bits();
        *to = (low >> 16 | high & 0xffff_0000).to_le_bytes();
    }
}

fn scale_fns(level: Level) -> (ScaleFn, ScaleFn) {
    match level {
        Level::Baseline => (scale_e4m3, scale_e2m1),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => (
            // SAFETY: a level is only used where `Level::available` has found its features.
            |source, scale, target| unsafe { x86::e4m3_avx2(source, scale, target) },
            // SAFETY: as above.
            |source, scale, target| unsafe { x86::e2m1_avx2(source, scale, target) },
        ),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => (
            // SAFETY: as above.
            |source, scale, target| unsafe { x86::e4m3_avx512(source, scale, target) },
            // SAFETY: as above.
            |source, scale, target| unsafe { x86::e2m1_avx512(source, scale, target) },
        ),
    }
}

/// The same loops, compiled for wider vectors.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{scale_e2m1, scale_e4m3};

    #[target_feature(enable = "avx2")]
    pub fn e4m3_avx2(source: &[u8], scale: f32, target: &mut [u8]) {
        scale_e4m3(source, scale, target);
    }

    #[target_feature(enable = "avx2")]
    pub fn e2m1_avx2(source: &[u8], scale: f32, target: &mut [u8]) {
        scale_e2m1(source, scale, target);
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub fn e4m3_avx512(source: &[u8], scale: f32, target: &mut [u8]) {
        scale_e4m3(source, scale, target);
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub fn e2m1_avx512(source: &[u8], scale: f32, target: &mut [u8]) {
        scale_e2m1(source, scale, target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BoxCopy, Dim, Kernel, Window, copy_box};

    #[test]
    fn the_e4m3_table_equals_torch() {
        let recorded = include_bytes!("../tests/data/e4m3.f32");
        for (code, bytes) in (0..=255).zip(recorded.chunks_exact(4)) {
            let expected = f32::from_le_bytes(bytes.try_into().unwrap());
            let value = f32::from_bits(widen_e4m3(code));
            assert!(value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan());
        }
    }

    /// Every code under every scale, by every level, against f64.
    #[test]
    fn four_bit_values_are_exact_under_every_scale() {
        let source: Vec<u8> = (0..=255).collect();
        for biased in 1..=254 {
            let scale = exponent_scale(biased).unwrap();
            for level in Level::available() {
                let mut target = vec![0; 1024];
                scale_fns(level).1(&source, scale, &mut target);
                for (i, found) in target.chunks_exact(2).enumerate() {
                    let code = if i % 2 == 0 { source[i / 2] & 15 } else { source[i / 2] >> 4 };
                    assert_eq!(found, e2m1_by_table(code, biased), "{code} under {biased}");
                }
            }
        }
        assert_eq!((exponent_scale(0), exponent_scale(255)), (None, None));
    }

    #[test]
    fn exponents_are_powers_of_two() {
        for biased in 0..=254 {
            assert_eq!(f64::from(power_of_two(biased)), 2f64.powi(i32::from(biased) - 127));
        }
        assert!(power_of_two(255).is_nan());
    }

    #[test]
    fn every_level_scales_eight_bits_alike() {
        let source: Vec<u8> = (0..=255).collect();
        for scale in [1.0f32, -0.3, 1e-38, 3e38, 7.25e-41, f32::INFINITY] {
            for level in Level::available() {
                let mut target = vec![0; 512];
                scale_fns(level).0(&source, scale, &mut target);
                for (&code, found) in source.iter().zip(target.chunks_exact(2)) {
                    let value = f32::from_bits(widen_e4m3(code)) * scale;
                    let expected = if value.is_nan() { [0xff, 0xff] } else { bf16(value) };
                    assert_eq!(found, expected, "{code} times {scale:e}");
                }
            }
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
                assert_eq!(target[at * 2..at * 2 + 2], bf16(f32::from_bits(widen_e4m3(source[at])) * scale));
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
            let value = E2M1[code as usize] as f32 * 2f32.powi(i32::from(scales[element / 32]) - 127);
            let expected = half::bf16::from_f32(value).to_f32();
            assert_eq!(target[i * 4..i * 4 + 4], expected.to_le_bytes());
        }
    }
}
