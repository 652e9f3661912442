//! Euclidean lengths of the rows or columns of a matrix that comes in parts, summed in the order in which torch sums
//! them on a processor: a row's squares in eight lanes, a column's one after another.

use crate::plan::Lines;

const LANES: usize = 8;

pub struct Norms {
    of: Lines,
    columns: usize,
    /// Of the row that is not complete yet.
    lanes: [f32; LANES],
    squares: Vec<f32>,
}

impl Norms {
    pub fn new(of: Lines, lines: usize, columns: u64) -> Norms {
        Norms { of, columns: columns as usize, lanes: [0.0; LANES], squares: vec![0.0; lines] }
    }

    /// Adds the elements from number `begin` on: whole rows, or a part of one that begins at a multiple of the lanes.
    pub fn add(&mut self, begin: u64, values: &[f32]) {
        let columns = self.columns as u64;
        let (row, column) = ((begin / columns) as usize, (begin % columns) as usize);
        if column > 0 {
            return self.add_row(row, column, values);
        }
        for (number, values) in values.chunks(self.columns).enumerate() {
            self.add_row(row + number, 0, values);
        }
    }

    fn add_row(&mut self, row: usize, column: usize, values: &[f32]) {
        if self.of == Lines::Columns {
            for (sum, value) in self.squares[column..].iter_mut().zip(values) {
                *sum += value * value;
            }
            return;
        }
        let whole = self.columns / LANES * LANES;
        let (body, tail) = values.split_at(whole.saturating_sub(column).min(values.len()));
        for eight in body.chunks_exact(LANES) {
            for (lane, value) in self.lanes.iter_mut().zip(eight) {
                *lane += value * value;
            }
        }
        if column + values.len() == self.columns {
            let [first, others @ ..] = std::mem::take(&mut self.lanes);
            let sum = others.iter().fold(first, |sum, lane| sum + lane);
            self.squares[row] = tail.iter().fold(sum, |sum, value| sum + value * value);
        }
    }

    pub fn finish(self) -> impl Iterator<Item = f32> {
        self.squares.into_iter().map(f32::sqrt)
    }
}
