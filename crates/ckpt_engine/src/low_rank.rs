//! Weights with updates of low rank: a window of the source becomes float32, the updates are added to it, and the copy
//! goes on from there.

use crate::Error;
use crate::check::Checked;
use crate::fill::{Filler, Pieces, Task};
use crate::norms::Norms;
use crate::plan::{CopyOp, Lines, LowRank, Magnitude, Update};
use ckpt_tensor::bytes::{as_bytes, as_bytes_mut};
use ckpt_tensor::product::{Panels, scaled_product};
use ckpt_tensor::rounding::Rounding;
use ckpt_tensor::{BoxCopy, Dtype, Window, copy_box};
use std::collections::HashMap;
use std::mem;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Elements that are worked on at a time: they and their update stay in the second-level cache.
const STRIP: usize = 32 << 10;
/// A strip has rows enough for the product's kernel all the same.
const STRIP_ROWS: usize = 12;

/// What a worker keeps from one window to the next.
#[derive(Default)]
pub struct Workspace {
    values: Vec<f32>,
    product: Vec<f32>,
    left: Vec<f32>,
    /// The right factor that was used last, by its number: a tensor is worked on window after window.
    right: Option<(usize, Panels)>,
}

/// What rows or columns are multiplied with to reach their magnitudes, by the number of the magnitudes.
#[derive(Default)]
pub struct Stretches(Mutex<HashMap<usize, Slot>>);

/// A factor for each row or column.
type Stretch = Arc<Vec<f32>>;

/// Locked while one worker reads the whole matrix for it; the others wait.
type Slot = Arc<Mutex<Option<Stretch>>>;

impl Stretches {
    fn slot(&self, lengths: usize) -> Slot {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(lengths).or_default().clone()
    }
}

/// Bytes that a worker with this much scratch needs for the updates of a plan.
pub fn memory(checked: &Checked, scratch: usize) -> usize {
    let size = mem::size_of::<f32>();
    let of = |op: &LowRank| {
        // Sources of two bytes an element are the narrowest.
        let window = scratch / 2;
        let columns = op.columns as usize;
        let factors = op.updates.iter().map(|update| {
            let left = checked.plan.matrices.get(update.left).map(|left| checked.shape(left));
            let terms = left.and_then(|shape| shape.get(1)).map_or(0, |&terms| terms as usize);
            let left = (window / columns.max(1) + 2) * terms;
            // The right factor is there twice while it is packed.
            left + if update.right.is_some() { 2 * terms * columns } else { 0 }
        });
        (window + STRIP.max(STRIP_ROWS * columns) + factors.max().unwrap_or(0)) * size
    };
    let copies = checked.plan.forms.iter().flat_map(|form| &form.copies);
    let ops = copies.filter_map(|copy| match &copy.op {
        Some(CopyOp::LowRank(op)) => Some(of(op)),
        _ => None,
    });
    ops.max().unwrap_or(0)
}

impl Filler<'_> {
    /// Copies a box whose span fits the scratch memory out of the updated matrix.
    pub fn copy_updated(
        &mut self,
        task: &Task,
        op: &LowRank,
        piece: &BoxCopy,
        out: &mut [u8],
    ) -> Result<(), Error> {
        let mut work = mem::take(&mut self.workspace);
        // What is read for the factors goes to no file.
        let runs = self.runs.take();
        let begin = piece.source - op.offset;
        let result = self
            .stretches(task, op, &mut work)
            .and_then(|known| self.update(task, op, begin..begin + piece.source_span(), &known, &mut work));
        if result.is_ok() {
            let kernel = ckpt_tensor::Kernel::new(Dtype::F32, task.to, ckpt_tensor::Op::None);
            let kernel =
                kernel.ok_or_else(|| Error::Plan(format!("no cast from {} to the target", op.dtype)))?;
            let window = Window { bytes: as_bytes(&work.values), origin: piece.source };
            copy_box(&kernel, window, out, task.begin, piece);
        }
        self.workspace = work;
        self.runs = runs;
        result
    }

    /// Leaves a range of the matrix's elements in `work.values`, with as many updates as there are stretches. The one
    /// after them is added too when there is one, neither stretched nor rounded: its own stretch is found from that.
    fn update(
        &mut self,
        task: &Task,
        op: &LowRank,
        range: Range<u64>,
        stretches: &[Option<Stretch>],
        work: &mut Workspace,
    ) -> Result<(), Error> {
        let held = Rounding::to(Dtype::from_torch(&op.dtype).unwrap_or(Dtype::F32));
        self.load_floats(task, op, &range, &mut work.values)?;
        held.round(&mut work.values);
        for (number, update) in op.updates.iter().enumerate().take(stretches.len() + 1) {
            self.load_factors(op, update, &range, work)?;
            add(op, update, &range, held, work);
            if let Some(stretch) = stretches.get(number) {
                if let (Some(factors), Some(Magnitude { of, .. })) = (stretch, update.magnitude) {
                    multiply(op, of, &range, factors, &mut work.values);
                }
                held.round(&mut work.values);
            }
        }
        Ok(())
    }

    /// One for each update.
    fn stretches(
        &mut self,
        task: &Task,
        op: &LowRank,
        work: &mut Workspace,
    ) -> Result<Vec<Option<Stretch>>, Error> {
        let mut known = Vec::with_capacity(op.updates.len());
        for update in &op.updates {
            let stretch = match update.magnitude {
                Some(magnitude) => Some(self.stretch(task, op, magnitude, &known, work)?),
                None => None,
            };
            known.push(stretch);
        }
        Ok(known)
    }

    fn load_floats(
        &mut self,
        task: &Task,
        op: &LowRank,
        range: &Range<u64>,
        values: &mut Vec<f32>,
    ) -> Result<(), Error> {
        let tensor = &self.checked.plan.tensors[task.tensor];
        let size = u64::from(task.from.bits() / 8);
        let count = range.end - range.start;
        let at = tensor.begin + (op.offset + range.start) * size;
        values.resize(count as usize, 0.0);
        let loaded = self.reader.load(tensor.source, at, (count * size) as usize)?;
        Rounding::widen(task.from, self.reader.bytes(&loaded), as_bytes_mut(values));
        Ok(())
    }

    /// Fetches the rows of the left factor that a range of elements needs, and the right factor unless it is there.
    fn load_factors(
        &mut self,
        op: &LowRank,
        update: &Update,
        range: &Range<u64>,
        work: &mut Workspace,
    ) -> Result<(), Error> {
        let matrix = &self.checked.plan.matrices[update.left];
        let terms = self.checked.shape(matrix)[1];
        let (first, last) = match update.right {
            // Whole rows, and one more where the range ends inside one.
            Some(_) => (range.start / op.columns * terms, range.end.div_ceil(op.columns) * terms),
            None => (range.start, range.end),
        };
        work.left.resize((last - first) as usize, 0.0);
        self.fill_pieces(&Pieces::of_matrix(self.checked, matrix), first, as_bytes_mut(&mut work.left))?;
        let Some(right) =
            update.right.filter(|&number| work.right.as_ref().is_none_or(|(at, _)| *at != number))
        else {
            return Ok(());
        };
        work.right = None;
        let matrix = &self.checked.plan.matrices[right];
        let shape = self.checked.shape(matrix);
        let (terms, columns) = (shape[0] as usize, shape[1] as usize);
        let mut values = vec![0f32; terms * columns];
        self.fill_pieces(&Pieces::of_matrix(self.checked, matrix), 0, as_bytes_mut(&mut values))?;
        work.right = Some((right, Panels::pack(terms, columns, &values)));
        Ok(())
    }

    /// The factors that give rows or columns their magnitudes: the magnitude over the Euclidean length, which takes a
    /// look at the whole matrix. `earlier` belong to the updates before.
    fn stretch(
        &mut self,
        task: &Task,
        op: &LowRank,
        Magnitude { lengths, of }: Magnitude,
        earlier: &[Option<Stretch>],
        work: &mut Workspace,
    ) -> Result<Stretch, Error> {
        let slot = self.checked.stretches.slot(lengths);
        let mut known = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            return Ok(Arc::clone(known));
        }
        let matrix = &self.checked.plan.matrices[lengths];
        let mut factors = vec![0f32; self.checked.shape(matrix)[0] as usize];
        let mut norms = Norms::new(of, factors.len(), op.columns);
        let (columns, elements) = (op.columns, op.rows * op.columns);
        // Whole rows, or parts of a row that begin at a multiple of all lanes.
        let step = (self.reader.capacity() / 8 * 8) as u64 / u64::from(task.from.bits() / 8);
        let mut at = 0;
        while at < elements {
            let rest = columns - at % columns;
            let range = at..if step < columns {
                at + rest.min(step)
            } else {
                (at + step / columns * columns).min(elements)
            };
            at = range.end;
            self.update(task, op, range.clone(), earlier, work)?;
            norms.add(range.start, &work.values);
        }
        self.fill_pieces(&Pieces::of_matrix(self.checked, matrix), 0, as_bytes_mut(&mut factors))?;
        for (factor, norm) in factors.iter_mut().zip(norms.finish()) {
            *factor /= norm;
        }
        let factors = Arc::new(factors);
        *known = Some(Arc::clone(&factors));
        Ok(factors)
    }
}

/// Adds an update to a range of elements, strip by strip.
fn add(op: &LowRank, update: &Update, range: &Range<u64>, held: Rounding, work: &mut Workspace) {
    let Workspace { values, product, left, right } = work;
    let (columns, terms) = (op.columns as usize, right.as_ref().map_or(0, |(_, right)| right.inner()));
    let whole = (STRIP / columns).max(STRIP_ROWS);
    let mut at = 0;
    while at < values.len() {
        let element = range.start + at as u64;
        let column = (element % op.columns) as usize;
        let row = (element / op.columns - range.start / op.columns) as usize;
        let rest = values.len() - at;
        let (rows, width) = match rest / columns {
            full if column == 0 && full > 0 => (full.min(whole), columns),
            _ => (1, (columns - column).min(rest)),
        };
        let strip = &mut values[at..at + rows * width];
        product.resize(strip.len(), 0.0);
        match (update.right, &right) {
            (Some(_), Some((_, right))) => {
                let left = &left[row * terms..(row + rows) * terms];
                scaled_product(left, right, update.scale, column, product, width);
            }
            _ => {
                for (product, left) in product.iter_mut().zip(&left[at..]) {
                    *product = left * update.scale;
                }
            }
        }
        if update.rounded {
            held.round(product);
        }
        for (value, product) in strip.iter_mut().zip(product.iter()) {
            *value += product;
        }
        at += rows * width;
    }
}

/// Multiplies every row or column of a range of elements with its factor.
fn multiply(op: &LowRank, of: Lines, range: &Range<u64>, factors: &[f32], values: &mut [f32]) {
    for (index, value) in range.clone().zip(values) {
        let line = if of == Lines::Rows { index / op.columns } else { index % op.columns };
        *value *= factors[line as usize];
    }
}
