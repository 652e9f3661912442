//! One element: widening to f32 bits and rounding back, as integer arithmetic that vectorises.
//!
//! NaN results equal `tensor.to(dtype)` of torch 2.9 on x86-64 for whole vectors of a contiguous tensor. They are
//! not what IEEE 754 asks for: f32 → bf16 yields 0xffff for every NaN, f16 → bf16 yields 0x7fc0, and the f16
//! conversions keep sign and leading payload bits and set the quiet bit. (torch's own code for single elements
//! disagrees with its vector code on f16 NaN → f32; the vectors win here.)

const SIGN: u32 = 0x8000_0000;
const INF: u32 = 0x7f80_0000;

/// A floating type of `N` bytes.
pub trait Element<const N: usize> {
    /// What torch makes of this type's NaN in bfloat16.
    const NAN_AS_BF16: u16;

    /// The bits of the equal f32.
    fn widen(raw: [u8; N]) -> u32;

    /// The nearest value, ties to even; `nan` is the bfloat16 to use for NaN.
    fn narrow(bits: u32, nan: u16) -> [u8; N];
}

pub struct F32;
pub struct Bf16;
pub struct F16;

impl Element<4> for F32 {
    const NAN_AS_BF16: u16 = 0xffff;

    #[inline(always)]
    fn widen(raw: [u8; 4]) -> u32 {
        u32::from_le_bytes(raw)
    }

    #[inline(always)]
    fn narrow(bits: u32, _nan: u16) -> [u8; 4] {
        bits.to_le_bytes()
    }
}

impl Element<2> for Bf16 {
    const NAN_AS_BF16: u16 = 0xffff;

    #[inline(always)]
    fn widen(raw: [u8; 2]) -> u32 {
        u32::from(u16::from_le_bytes(raw)) << 16
    }

    #[inline(always)]
    fn narrow(bits: u32, nan: u16) -> [u8; 2] {
        // Half of the last kept place, less one unless that place is odd: ties go to even, and a carry runs into
        // the exponent as it should. Wrapping only happens for NaN.
        let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
        let is_nan = bits & !SIGN > INF;
        (if is_nan { nan } else { rounded as u16 }).to_le_bytes()
    }
}

/// Exponent bias difference between f32 and f16, as f32 exponent bits.
const REBIAS: u32 = (127 - 15) << 23;
/// 2^-14: the smallest normal f16, as f32 bits.
const F16_MIN_NORMAL: u32 = (127 - 14) << 23;
/// Added to a tiny f32, this power of two shifts its bits to where an f16 subnormal has them, rounding on the way.
const F16_SUBNORMAL_MAGIC: u32 = (127 - 15 + 23 - 10 + 1) << 23;

impl Element<2> for F16 {
    const NAN_AS_BF16: u16 = 0x7fc0;

    #[inline(always)]
    fn widen(raw: [u8; 2]) -> u32 {
        let half = u32::from(u16::from_le_bytes(raw));
        let sign = (half & 0x8000) << 16;
        let magnitude = (half & 0x7fff) << 13;
        let normal = magnitude + REBIAS;
        // Exact: both terms are multiples of 2^-24 and the difference has at most 10 significant bits.
        let subnormal =
            (f32::from_bits(magnitude + F16_MIN_NORMAL) - f32::from_bits(F16_MIN_NORMAL)).to_bits();
        let quiet = if half & 0x3ff == 0 { 0 } else { 0x0040_0000 };
        let special = (magnitude + 2 * REBIAS) | quiet;
        let exponent = half & 0x7c00;
        let bits = if exponent == 0x7c00 { special } else { normal };
        sign | if exponent == 0 { subnormal } else { bits }
    }

    #[inline(always)]
    fn narrow(bits: u32, _nan: u16) -> [u8; 2] {
        let sign = (bits & SIGN) >> 16;
        let magnitude = bits & !SIGN;
        let odd = (magnitude >> 13) & 1;
        // Values from 65520 up to 65536 carry into the infinity pattern by themselves.
        let normal = magnitude.wrapping_sub(REBIAS).wrapping_add(0xfff + odd) >> 13;
        let subnormal = (f32::from_bits(magnitude) + f32::from_bits(F16_SUBNORMAL_MAGIC))
            .to_bits()
            .wrapping_sub(F16_SUBNORMAL_MAGIC);
        let nan = 0x7e00 | ((magnitude >> 13) & 0x3ff);
        let mut half = if magnitude < F16_MIN_NORMAL { subnormal } else { normal };
        half = if magnitude >= (127 + 16) << 23 { 0x7c00 } else { half };
        half = if magnitude > INF { nan } else { half };
        ((sign | half) as u16).to_le_bytes()
    }
}
