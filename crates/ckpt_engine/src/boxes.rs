//! The copies of a form as boxes over its payload.

use crate::plan::{Copy, Form};
use ckpt_tensor::{BoxCopy, Dim};

/// One box a copy, in their order.
pub struct Boxes {
    pub boxes: Vec<BoxCopy>,
    /// Elements are neighbours in the payload that are far apart in the source.
    pub scattered: bool,
}

impl Boxes {
    pub fn new(form: &Form) -> Self {
        let steps = row_major(&form.extent);
        let boxes: Vec<BoxCopy> = form.copies.iter().map(|copy| as_box(copy, &steps)).collect();
        let apart = |piece: &BoxCopy| piece.dims.last().is_some_and(|dim| dim.source != 1);
        let scattered = boxes.iter().any(apart);
        Boxes { boxes, scattered }
    }
}

/// The box of a copy over the payload, whose row-major element steps are `steps`.
fn as_box(copy: &Copy, steps: &[u64]) -> BoxCopy {
    let axes = copy.size.iter().zip(&copy.strides).zip(steps);
    let dims = axes.map(|((&count, &source), &target)| Dim { count, source, target }).collect();
    let target = copy.start.iter().zip(steps).map(|(at, step)| at * step).sum();
    let mut piece = BoxCopy { source: copy.offset, target, dims };
    piece.merge();
    piece
}

fn row_major(shape: &[u64]) -> Vec<u64> {
    let mut steps = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        steps[axis - 1] = steps[axis] * shape[axis];
    }
    steps
}
