//! Low-rank products against one chain of fused multiply-adds for each element, at every level of this machine.

use ckpt_tensor::cast::Level;
use ckpt_tensor::product::{Panels, scaled_product_at};
use proptest::prelude::*;

/// Values of mixed size and sign that do not sum exactly.
fn values(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    (0..count).map(|_| (next() as f32 / u32::MAX as f32 - 0.5) * (1 << (next() % 8)) as f32).collect()
}

proptest! {
    #[test]
    fn every_level_gives_the_same_chain(
        rows in 1usize..40, inner in 0usize..70, columns in 1usize..80, cut in 0usize..80, seed: u32
    ) {
        let (left, right) = (values(rows * inner, seed), values(inner * columns, seed ^ 0xabcd));
        let (from, scale) = (cut % columns, 1.7f32);
        let width = columns - from;
        let expected: Vec<f32> = (0..rows * width)
            .map(|at| {
                let (row, column) = (at / width, from + at % width);
                let chain = (0..inner).fold(0f32, |sum, k| {
                    left[row * inner + k].mul_add(right[k * columns + column], sum)
                });
                chain * scale
            })
            .collect();
        let panels = Panels::pack(inner, columns, &right);
        for level in Level::available() {
            let mut out = vec![f32::NAN; rows * width];
            scaled_product_at(level, &left, &panels, scale, from, &mut out, width);
            prop_assert_eq!(&out, &expected, "{:?}", level);
        }
    }
}
