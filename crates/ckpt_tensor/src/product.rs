//! Products of a tall and a wide matrix of few inner terms, in float32.
//!
//! Every element is one chain of fused multiply-adds over the inner index, from the first term to the last, whatever
//! the machine: the result does not depend on blocking, vectors or threads, and equals what BLAS libraries with fused
//! arithmetic give for a short inner dimension.

use crate::cast::Level;

/// Columns that a panel holds.
const PANEL: usize = 16;

/// The right factor, stored as the kernel reads it: panels of `PANEL` columns, in each the inner terms one after
/// another. The last panel is padded with zeros.
pub struct Panels {
    inner: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Panels {
    /// Packs a row-major `inner` × `columns` matrix.
    pub fn pack(inner: usize, columns: usize, matrix: &[f32]) -> Panels {
        assert_eq!(matrix.len(), inner * columns);
        let mut values = vec![0.0; columns.div_ceil(PANEL) * PANEL * inner];
        if inner > 0 {
            for (panel, first) in values.chunks_exact_mut(inner * PANEL).zip((0..columns).step_by(PANEL)) {
                let width = (columns - first).min(PANEL);
                for (row, place) in matrix.chunks_exact(columns).zip(panel.chunks_exact_mut(PANEL)) {
                    place[..width].copy_from_slice(&row[first..first + width]);
                }
            }
        }
        Panels { inner, columns, values }
    }

    pub fn inner(&self) -> usize {
        self.inner
    }

    pub fn columns(&self) -> usize {
        self.columns
    }
}

/// Writes columns `from`, `from` + 1, … of `scale` · (`left` · `right`) to `out`, as many as make a row of it; `left`
/// is row-major with `right.inner()` columns. The product is rounded before it is scaled.
pub fn scaled_product(left: &[f32], right: &Panels, scale: f32, from: usize, out: &mut [f32], width: usize) {
    scaled_product_at(Level::detect(), left, right, scale, from, out, width);
}

/// As `scaled_product`, at a given level, which must be one of `Level::available()`.
pub fn scaled_product_at(
    level: Level,
    left: &[f32],
    right: &Panels,
    scale: f32,
    from: usize,
    out: &mut [f32],
    width: usize,
) {
    if width == 0 || right.inner == 0 {
        return out.fill(0.0);
    }
    assert!(from + width <= right.columns);
    assert_eq!(left.len() / right.inner, out.len() / width);
    let block = Block { left, right, scale, from, width };
    match level {
        Level::Baseline => block.run::<2>(out),
        // AVX-512 runs the same: its registers were no faster, filled by the compiler.
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a level is only used where `Level::available` has found its features; from AVX2 on they are these.
        Level::Avx2 | Level::Avx512 => unsafe { avx2(&block, out) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(block: &Block, out: &mut [f32]) {
    block.run::<6>(out);
}

struct Block<'a> {
    left: &'a [f32],
    right: &'a Panels,
    scale: f32,
    from: usize,
    width: usize,
}

impl Block<'_> {
    /// `ROWS` rows of accumulators at a time fill the registers.
    #[inline(always)]
    fn run<const ROWS: usize>(&self, out: &mut [f32]) {
        let inner = self.right.inner;
        let end = self.from + self.width;
        for panel in self.from / PANEL..end.div_ceil(PANEL) {
            let terms = &self.right.values[panel * inner * PANEL..][..inner * PANEL];
            let first = (panel * PANEL).max(self.from);
            let skip = first - panel * PANEL;
            let count = (panel * PANEL + PANEL).min(end) - first;
            let mut left = self.left;
            let mut rows = out.chunks_exact_mut(self.width);
            while left.len() >= ROWS * inner {
                let sums = dot_rows::<ROWS>(&left[..ROWS * inner], terms, inner);
                for (sum, row) in sums.iter().zip(&mut rows) {
                    self.put(sum, &mut row[first - self.from..][..count], skip);
                }
                left = &left[ROWS * inner..];
            }
            for (one, row) in left.chunks_exact(inner).zip(&mut rows) {
                let [sum] = dot_rows::<1>(one, terms, inner);
                self.put(&sum, &mut row[first - self.from..][..count], skip);
            }
        }
    }

    #[inline(always)]
    fn put(&self, sum: &[f32; PANEL], row: &mut [f32], skip: usize) {
        for (place, value) in row.iter_mut().zip(&sum[skip..]) {
            *place = value * self.scale;
        }
    }
}

/// `ROWS` rows of `left` times one panel.
#[inline(always)]
fn dot_rows<const ROWS: usize>(left: &[f32], terms: &[f32], inner: usize) -> [[f32; PANEL]; ROWS] {
    let mut sums = [[0f32; PANEL]; ROWS];
    let rows: [&[f32]; ROWS] = std::array::from_fn(|row| &left[row * inner..][..inner]);
    for (k, term) in terms.as_chunks::<PANEL>().0[..inner].iter().enumerate() {
        for (sum, row) in sums.iter_mut().zip(&rows) {
            let factor = row[k];
            for (sum, term) in sum.iter_mut().zip(term) {
                *sum = factor.mul_add(*term, *sum);
            }
        }
    }
    sums
}
