//! Float32 values that are held in a narrower type.

use crate::bytes::{as_bytes, as_bytes_mut};
use crate::cast::{CastFn, cast_fn};
use crate::{Dtype, Op};

/// Floats that are rounded at a time.
const PART: usize = 2048;

/// Rounds floats to the values of a type, and leaves them floats.
#[derive(Clone, Copy)]
pub struct Rounding {
    /// Into the type and back; none for float32.
    casts: Option<(CastFn, CastFn)>,
    size: usize,
}

impl Rounding {
    /// Rounding to a floating type; to others, none.
    pub fn to(dtype: Dtype) -> Rounding {
        let narrow = cast_fn(Dtype::F32, dtype, Op::None);
        let widen = cast_fn(dtype, Dtype::F32, Op::None);
        Rounding { casts: narrow.zip(widen), size: dtype.size().unwrap_or(0) }
    }

    pub fn round(&self, floats: &mut [f32]) {
        let Some((narrow, widen)) = self.casts else { return };
        let mut held = [0u8; PART * 4];
        for part in floats.chunks_mut(PART) {
            let held = &mut held[..part.len() * self.size];
            narrow(as_bytes(part), held);
            widen(held, as_bytes_mut(part));
        }
    }

    /// Elements of a floating type as float32 bytes.
    pub fn widen(from: Dtype, bytes: &[u8], floats: &mut [u8]) {
        match cast_fn(from, Dtype::F32, Op::None) {
            Some(run) => run(bytes, floats),
            None => floats.copy_from_slice(bytes),
        }
    }
}
