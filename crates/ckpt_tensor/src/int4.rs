//! Dequantisation of four-bit integers that share scales in groups, as compressed-tensors packs them.

use crate::cast::element::{Bf16, Element};
use crate::dequant::Target;

/// Eight values a little-endian 32-bit word, the lowest bits first, each counted from -8:
/// `bf16(f32(value) · f32(scale[element / group]))`.
#[derive(Clone)]
pub struct Int4<'a> {
    pub target: Target,
    /// Values that share a scale.
    pub group: u64,
    /// `scales[0]` belongs to element `group * first` of the tensor.
    pub scales: &'a [f32],
    pub first: u64,
}

impl Int4<'_> {
    /// Values of a word.
    pub const PACKED: u64 = 8;

    /// Converts `count` elements from element `at` of the tensor on; `source[0]` holds elements `origin` and
    /// `origin + 1`.
    pub(crate) fn run(&self, at: u64, origin: u64, source: &[u8], count: usize, target: &mut [u8]) {
        let (mut at, mut done) = (at, 0);
        let size = self.target.size;
        while done < count {
            let group = at / self.group;
            let values = values_under(self.scales[(group - self.first) as usize]);
            let n = (((group + 1) * self.group - at) as usize).min(count - done);
            let first = at - origin;
            self.target.fill(&mut target[done * size..(done + n) * size], |from, wanted| {
                let first = first + from as u64;
                let wanted = wanted.as_chunks_mut::<2>().0;
                let (pairs, odd) = wanted.as_chunks_mut::<2>();
                if first.is_multiple_of(2) {
                    let bytes = &source[(first / 2) as usize..];
                    for (to, &byte) in pairs.iter_mut().zip(bytes) {
                        *to = [values[usize::from(byte & 15)], values[usize::from(byte >> 4)]];
                    }
                    if let ([last], Some(&byte)) = (odd, bytes.get(pairs.len())) {
                        *last = values[usize::from(byte & 15)];
                    }
                    return;
                }
                for (i, to) in wanted.iter_mut().enumerate() {
                    let element = first + i as u64;
                    let byte = source[(element / 2) as usize];
                    *to = values[usize::from(if element.is_multiple_of(2) { byte & 15 } else { byte >> 4 })];
                }
            });
            done += n;
            at += n as u64;
        }
    }
}

/// What the sixteen codes stand for under a scale, as bfloat16.
fn values_under(scale: f32) -> [[u8; 2]; 16] {
    std::array::from_fn(|code| Bf16::narrow(((code as f32 - 8.0) * scale).to_bits(), 0xffff))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BoxCopy, Dim, Dtype, Kernel, Window, copy_box};

    fn words(count: usize) -> Vec<u8> {
        (0..count as u32).flat_map(|i| (i.wrapping_mul(0x9e37_79b9) ^ 0x1234_5678).to_le_bytes()).collect()
    }

    fn expected(bytes: &[u8], element: usize, scale: f32) -> f32 {
        let word = u32::from_le_bytes(bytes[element / 8 * 4..element / 8 * 4 + 4].try_into().unwrap());
        let value = (word >> (element % 8 * 4) & 15) as f32 - 8.0;
        half::bf16::from_f32(value * scale).to_f32()
    }

    fn floats(bytes: &[u8]) -> Vec<f32> {
        bytes.chunks_exact(4).map(|value| f32::from_le_bytes(value.try_into().unwrap())).collect()
    }

    /// Whole runs that begin and end anywhere, in windows that begin anywhere even.
    #[test]
    fn every_run_takes_its_values_and_their_scales() {
        let bytes = words(12);
        let scales = [0.5f32, 0.013, -1.0, 3e-3, 7.0, 1e-20, 250.0, 0.1];
        for (first, last) in [(0, 96), (1, 96), (12, 13), (11, 25), (35, 61), (24, 72)] {
            for origin in [0u64, first & !1] {
                let group = first / 12;
                let scales = &scales[group as usize..];
                let target = Target::new(Dtype::F32).unwrap();
                let int4 = Int4 { target, group: 12, scales, first: group };
                let dims = vec![Dim { count: last - first, source: 1, target: 1 }];
                let copy = BoxCopy { source: first, target: 0, dims };
                let mut out = vec![0; (last - first) as usize * 4];
                let window = Window { bytes: &bytes[origin as usize / 2..], origin };
                copy_box(&Kernel::Int4(int4), window, &mut out, 0, &copy);
                for (i, found) in floats(&out).into_iter().enumerate() {
                    let element = first as usize + i;
                    let scale = scales[element / 12 - group as usize];
                    assert_eq!(found, expected(&bytes, element, scale), "element {element} from {origin}");
                }
            }
        }
    }

    #[test]
    fn values_apart_in_the_source_are_the_same() {
        let bytes = words(8);
        let scales = [0.25f32, 2.0];
        let int4 = Int4 { target: Target::new(Dtype::F32).unwrap(), group: 32, scales: &scales, first: 0 };
        let dims = vec![Dim { count: 20, source: 3, target: 1 }];
        let copy = BoxCopy { source: 5, target: 0, dims };
        let mut out = vec![0; 20 * 4];
        copy_box(&Kernel::Int4(int4), Window { bytes: &bytes, origin: 0 }, &mut out, 0, &copy);
        for (i, found) in floats(&out).into_iter().enumerate() {
            let element = 5 + 3 * i;
            assert_eq!(found, expected(&bytes, element, scales[element / 32]));
        }
    }
}
