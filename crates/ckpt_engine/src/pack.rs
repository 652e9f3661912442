//! How a strided box is best read: as one range with gaps, or run by run.

use ckpt_tensor::{BoxCopy, Dim};

/// What a read call costs, in bytes that could have been copied in its time.
const CALL_COST: u64 = 8 << 10;

/// A box whose source runs are read one by one and laid side by side.
pub struct Packed {
    /// The box over the packed bytes; its source begins at 0.
    pub copy: BoxCopy,
    /// Elements of a run.
    pub run: u64,
    /// The axes that lead from run to run, in the order in which runs are packed.
    outer: Vec<Dim>,
    source: u64,
}

impl Packed {
    /// `None` when reading everything from the first to the last element costs no more. `size` is that of an element
    /// in bytes.
    pub fn new(piece: &BoxCopy, size: u64) -> Option<Packed> {
        let volume = piece.volume();
        if piece.dims.iter().any(|dim| dim.source == 0) {
            return None;
        }
        let mut order: Vec<usize> = (0..piece.dims.len()).collect();
        order.sort_by_key(|&axis| piece.dims[axis].source);
        let mut copy = BoxCopy { source: 0, target: piece.target, dims: piece.dims.clone() };
        let (mut packed, mut run) = (1, 1);
        let mut outer = Vec::new();
        for axis in order {
            let dim = piece.dims[axis];
            if outer.is_empty() && dim.source == run {
                run *= dim.count;
            } else {
                outer.push(dim);
            }
            copy.dims[axis].source = packed;
            packed *= dim.count;
        }
        outer.reverse();
        let saved = (piece.source_span() - volume) * size;
        if volume / run * CALL_COST >= saved {
            return None;
        }
        copy.merge();
        Some(Packed { copy, run, outer, source: piece.source })
    }

    /// The first source elements of the runs.
    pub fn runs(&self) -> impl Iterator<Item = u64> + '_ {
        let count: u64 = self.outer.iter().map(|dim| dim.count).product();
        (0..count).map(|mut index| {
            let mut at = self.source;
            for dim in self.outer.iter().rev() {
                at += index % dim.count * dim.source;
                index /= dim.count;
            }
            at
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dim(count: u64, source: u64, target: u64) -> Dim {
        Dim { count, source, target }
    }

    #[test]
    fn a_transposed_window_is_read_by_rows() {
        let piece = BoxCopy { source: 7, target: 3, dims: vec![dim(500, 1, 40), dim(40, 100_000, 1)] };
        let packed = Packed::new(&piece, 2).unwrap();
        assert_eq!(packed.run, 500);
        assert_eq!(
            packed.copy,
            BoxCopy { source: 0, target: 3, dims: vec![dim(500, 1, 40), dim(40, 500, 1)] }
        );
        assert!(packed.runs().eq((0..40).map(|row| 7 + row * 100_000)));
    }

    #[test]
    fn runs_follow_the_packed_order() {
        let piece = BoxCopy {
            source: 0,
            target: 0,
            dims: vec![dim(2, 1 << 40, 4000), dim(100, 1, 20), dim(5, 1 << 20, 4), dim(4, 1 << 30, 1)],
        };
        let packed = Packed::new(&piece, 2).unwrap();
        let runs: Vec<u64> = packed.runs().collect();
        assert_eq!(runs.len(), 40);
        // Run number r holds packed elements 100·r and on: every element must be found where the box says.
        for (axis, dim) in piece.dims.iter().enumerate().filter(|(_, dim)| dim.source != 1) {
            let step = packed.copy.dims[axis].source / packed.run;
            assert_eq!(runs[step as usize], dim.source);
        }
    }

    #[test]
    fn small_gaps_are_read_over() {
        let piece = BoxCopy { source: 0, target: 0, dims: vec![dim(64, 4096, 2048), dim(2048, 1, 1)] };
        assert!(Packed::new(&piece, 2).is_none());
        let repeated = BoxCopy { source: 0, target: 0, dims: vec![dim(64, 0, 2048), dim(2048, 1, 1)] };
        assert!(Packed::new(&repeated, 2).is_none());
    }
}
