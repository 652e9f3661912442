//! Contiguous casts between f32, bf16 and f16: round to nearest even, NaN as torch makes them (see `element`).
//!
//! One loop serves every pair; it is compiled once for each instruction set and chosen at run time. The AVX512-BF16
//! instructions are left alone: they flush subnormals, torch keeps them.

pub mod element;

use self::element::{Bf16, Element, F16, F32};
use crate::{Dtype, Op};

/// Converts whole elements; the lengths must hold the same number of them.
pub type CastFn = fn(&[u8], &mut [u8]);

/// The conversion for a pair of floating types, for this machine; `None` for other types and where no bit changes.
pub fn cast_fn(from: Dtype, to: Dtype, op: Op) -> Option<CastFn> {
    cast_fn_at(Level::detect(), from, to, op)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What the target guarantees: SSE2 on x86-64, NEON on aarch64.
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    pub fn detect() -> Level {
        Level::available().last().copied().unwrap_or(Level::Baseline)
    }

    /// The levels that this machine can run, slowest first.
    pub fn available() -> Vec<Level> {
        #[cfg_attr(not(target_arch = "x86_64"), allow(unused_mut, reason = "there is only one"))]
        let mut levels = vec![Level::Baseline];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                levels.push(Level::Avx2);
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                {
                    levels.push(Level::Avx512);
                }
            }
        }
        levels
    }
}

/// As `cast_fn`, at a given level, which must be one of `Level::available()`.
pub fn cast_fn_at(level: Level, from: Dtype, to: Dtype, op: Op) -> Option<CastFn> {
    match op {
        Op::None if from == to => None,
        Op::None => pick::<0>(level, from, to),
        Op::MinusOne => pick::<-1>(level, from, to),
        Op::PlusOne => pick::<1>(level, from, to),
    }
}

fn pick<const PLUS: i32>(level: Level, from: Dtype, to: Dtype) -> Option<CastFn> {
    use Dtype::{BF16 as B, F16 as H, F32 as S};
    Some(match (from, to) {
        (S, S) => at::<F32, F32, 4, 4, PLUS>(level),
        (S, B) => at::<F32, Bf16, 4, 2, PLUS>(level),
        (S, H) => at::<F32, F16, 4, 2, PLUS>(level),
        (B, S) => at::<Bf16, F32, 2, 4, PLUS>(level),
        (B, B) => at::<Bf16, Bf16, 2, 2, PLUS>(level),
        (B, H) => at::<Bf16, F16, 2, 2, PLUS>(level),
        (H, S) => at::<F16, F32, 2, 4, PLUS>(level),
        (H, B) => at::<F16, Bf16, 2, 2, PLUS>(level),
        (H, H) => at::<F16, F16, 2, 2, PLUS>(level),
        _ => return None,
    })
}

fn at<S: Element<SN>, D: Element<DN>, const SN: usize, const DN: usize, const PLUS: i32>(
    level: Level,
) -> CastFn {
    match level {
        Level::Baseline => convert::<S, D, SN, DN, PLUS>,
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a level is only used where `Level::available` has found its features.
        Level::Avx2 => |source, target| unsafe { avx2::<S, D, SN, DN, PLUS>(source, target) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx512 => |source, target| unsafe { avx512::<S, D, SN, DN, PLUS>(source, target) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<S: Element<SN>, D: Element<DN>, const SN: usize, const DN: usize, const PLUS: i32>(
    source: &[u8],
    target: &mut [u8],
) {
    convert::<S, D, SN, DN, PLUS>(source, target);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn avx512<S: Element<SN>, D: Element<DN>, const SN: usize, const DN: usize, const PLUS: i32>(
    source: &[u8],
    target: &mut [u8],
) {
    convert::<S, D, SN, DN, PLUS>(source, target);
}

#[inline(always)]
fn convert<S: Element<SN>, D: Element<DN>, const SN: usize, const DN: usize, const PLUS: i32>(
    source: &[u8],
    target: &mut [u8],
) {
    let (source, source_rest) = source.as_chunks::<SN>();
    let (target, target_rest) = target.as_chunks_mut::<DN>();
    assert!(source_rest.is_empty() && target_rest.is_empty() && source.len() == target.len());
    for (from, to) in source.iter().zip(target) {
        let mut bits = S::widen(*from);
        if PLUS != 0 {
            // torch computes half-precision arithmetic in f32 and rounds the result to the tensor's own type.
            let sum = f32::from_bits(bits) + PLUS as f32;
            bits = S::widen(S::narrow(sum.to_bits(), 0xffff));
        }
        *to = D::narrow(bits, S::NAN_AS_BF16);
    }
}
