//! Copies a strided box from a window of source bytes into target bytes, converting on the way.

use crate::Kernel;
use crate::boxes::{BoxCopy, Dim};

/// Source bytes that hold the elements of a tensor from `origin` on.
#[derive(Clone, Copy)]
pub struct Window<'a> {
    pub bytes: &'a [u8],
    /// Index of the tensor element at `bytes[0]`; even for four-bit elements.
    pub origin: u64,
}

/// Rows and columns of the blocks in which transposed data is staged: small enough for the first-level cache.
const TILE: [usize; 2] = [32, 64];

/// Copies the box `copy` (merged, in elements) out of `window`; `target[0]` is target element `target_origin`.
///
/// Panics when the box reaches outside the window or the target: callers compute both from the box.
pub fn copy_box(
    kernel: &Kernel<'_>,
    window: Window<'_>,
    target: &mut [u8],
    target_origin: u64,
    copy: &BoxCopy,
) {
    let base = copy.target - target_origin;
    let (inner, outer) = match copy.dims.split_last() {
        Some((last, rest)) if last.source == 1 && last.target == 1 => (last.count, rest),
        _ => (1, copy.dims.as_slice()),
    };
    if inner > 1 || outer.is_empty() {
        return for_each_row(outer, copy.source, base, &mut |source, at| {
            run(kernel, window, source, inner as usize, target, at as usize);
        });
    }
    let (planes, rows, columns) = match outer {
        [] => unreachable!("handled above"),
        [only] => (&[][..], Dim { count: 1, source: 0, target: 0 }, *only),
        [planes @ .., rows, columns] => (planes, *rows, *columns),
    };
    for_each_row(planes, copy.source, base, &mut |source, at| {
        scatter_plane(kernel, window, source, target, at as usize, rows, columns);
    });
}

fn for_each_row(dims: &[Dim], source: u64, target: u64, visit: &mut impl FnMut(u64, u64)) {
    match dims {
        [] => visit(source, target),
        [dim, rest @ ..] => {
            for index in 0..dim.count {
                for_each_row(rest, source + index * dim.source, target + index * dim.target, visit);
            }
        }
    }
}

/// Converts `count` neighbouring elements.
fn run(kernel: &Kernel<'_>, window: Window<'_>, source: u64, count: usize, target: &mut [u8], at: usize) {
    let first = (source - window.origin) as usize;
    let size = kernel.target_size();
    let target = &mut target[at * size..(at + count) * size];
    match kernel {
        Kernel::Move { size } => target.copy_from_slice(&window.bytes[first * size..(first + count) * size]),
        Kernel::Cast { run, from, .. } => run(&window.bytes[first * from..(first + count) * from], target),
        Kernel::Block(block) => block.run(source, &window.bytes[first..first + count], target),
        Kernel::Mxfp4(mx) => mx.run(source, window.origin, window.bytes, count, target),
        Kernel::Int4(int4) => int4.run(source, window.origin, window.bytes, count, target),
    }
}

/// Copies a plane whose elements are apart in the source or in the target.
fn scatter_plane(
    kernel: &Kernel<'_>,
    window: Window<'_>,
    source: u64,
    target: &mut [u8],
    at: usize,
    rows: Dim,
    columns: Dim,
) {
    for row in (0..rows.count).step_by(TILE[0]) {
        for column in (0..columns.count).step_by(TILE[1]) {
            let tile = Tile {
                source: source + row * rows.source + column * columns.source,
                target: at + (row * rows.target + column * columns.target) as usize,
                rows: Dim { count: (rows.count - row).min(TILE[0] as u64), ..rows },
                columns: Dim { count: (columns.count - column).min(TILE[1] as u64), ..columns },
            };
            match kernel {
                Kernel::Move { size: 1 } => tile.stage::<1>(window, target, None),
                Kernel::Move { size: 2 } => tile.stage::<2>(window, target, None),
                Kernel::Move { size: 4 } => tile.stage::<4>(window, target, None),
                Kernel::Move { size: 8 } => tile.stage::<8>(window, target, None),
                Kernel::Cast { run, from: 2, to } => tile.stage::<2>(window, target, Some((*run, *to))),
                Kernel::Cast { run, from: 4, to } => tile.stage::<4>(window, target, Some((*run, *to))),
                _ => tile.one_by_one(kernel, window, target),
            }
        }
    }
}

/// A block of at most `TILE` elements; `source` is an element index, `target` one relative to the target slice.
struct Tile {
    source: u64,
    target: usize,
    rows: Dim,
    columns: Dim,
}

impl Tile {
    /// Collects the tile in target order, converts it a row at a time, and lays the rows out.
    fn stage<const N: usize>(
        &self,
        window: Window<'_>,
        target: &mut [u8],
        cast: Option<(crate::cast::CastFn, usize)>,
    ) {
        let (source, _) = window.bytes.as_chunks::<N>();
        let first = (self.source - window.origin) as usize;
        let (rows, columns) = (self.rows.count as usize, self.columns.count as usize);
        let (row_step, column_step) = (self.rows.source as usize, self.columns.source as usize);
        let mut staged = [[[0u8; N]; TILE[1]]; TILE[0]];
        // The inner loop follows the smaller source stride, so that neighbouring reads share cache lines.
        if row_step < column_step {
            for column in 0..columns {
                let line = &source[first + column * column_step..];
                for (row, staged) in staged[..rows].iter_mut().enumerate() {
                    staged[column] = line[row * row_step];
                }
            }
        } else {
            for (row, staged) in staged[..rows].iter_mut().enumerate() {
                let line = &source[first + row * row_step..];
                for (column, staged) in staged[..columns].iter_mut().enumerate() {
                    *staged = line[column * column_step];
                }
            }
        }
        for (row, staged) in staged[..rows].iter().enumerate() {
            let at = self.target + row * self.rows.target as usize;
            let staged = staged[..columns].as_flattened();
            match cast {
                None => self.lay_out(staged, N, target, at),
                Some((run, size)) => {
                    let mut converted = [0u8; TILE[1] * 4];
                    let converted = &mut converted[..columns * size];
                    run(staged, converted);
                    self.lay_out(converted, size, target, at);
                }
            }
        }
    }

    /// Writes one row of converted elements to where the target has them.
    fn lay_out(&self, row: &[u8], size: usize, target: &mut [u8], at: usize) {
        if self.columns.target == 1 {
            target[at * size..][..row.len()].copy_from_slice(row);
            return;
        }
        for (index, element) in row.chunks_exact(size).enumerate() {
            target[(at + index * self.columns.target as usize) * size..][..size].copy_from_slice(element);
        }
    }

    fn one_by_one(&self, kernel: &Kernel<'_>, window: Window<'_>, target: &mut [u8]) {
        for row in 0..self.rows.count {
            for column in 0..self.columns.count {
                let source = self.source + row * self.rows.source + column * self.columns.source;
                let at = self.target + (row * self.rows.target + column * self.columns.target) as usize;
                run(kernel, window, source, 1, target, at);
            }
        }
    }
}
