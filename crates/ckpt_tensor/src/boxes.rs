//! Strided boxes: pairs of index spaces, one in a source tensor and one in a row-major target.

/// One axis of a box copy; strides are in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dim {
    pub count: u64,
    pub source: u64,
    pub target: u64,
}

/// A box copy: element (i, j, …) moves from `source + Σ i·dim.source` to `target + Σ i·dim.target`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoxCopy {
    pub source: u64,
    pub target: u64,
    pub dims: Vec<Dim>,
}

impl BoxCopy {
    /// Elements copied.
    pub fn volume(&self) -> u64 {
        self.dims.iter().map(|dim| dim.count).product()
    }

    /// Source elements from the first to the last one touched, both included.
    pub fn source_span(&self) -> u64 {
        1 + self.dims.iter().map(|dim| (dim.count - 1) * dim.source).sum::<u64>()
    }

    /// Target elements from the first to the last one touched, both included.
    pub fn target_span(&self) -> u64 {
        target_span(&self.dims)
    }

    /// The axis with the widest step through the source; `None` for a single element.
    pub fn widest(&self) -> Option<usize> {
        (0..self.dims.len()).max_by_key(|&axis| self.dims[axis].source)
    }

    /// Drops axes of length one and joins neighbours whose strides chain on both sides.
    pub fn merge(&mut self) {
        let mut merged: Vec<Dim> = Vec::with_capacity(self.dims.len());
        for dim in self.dims.iter().filter(|dim| dim.count != 1) {
            match merged.last_mut() {
                Some(outer)
                    if outer.source == dim.source * dim.count && outer.target == dim.target * dim.count =>
                {
                    *outer = Dim { count: outer.count * dim.count, ..*dim };
                }
                _ => merged.push(*dim),
            }
        }
        self.dims = merged;
    }

    /// The part of the box whose target elements lie in `[begin, end)`, as whole boxes in target order.
    ///
    /// The target strides must nest: each axis steps over everything that the axes inside it reach, as they do for
    /// a box in a row-major space.
    pub fn intersect(&self, begin: u64, end: u64, emit: &mut impl FnMut(BoxCopy)) {
        clip(&self.dims, self.source, self.target, begin, end, emit);
    }

    /// Cuts the box along one axis into pieces of at most `step` indices.
    pub fn split(&self, axis: usize, step: u64) -> impl Iterator<Item = BoxCopy> + '_ {
        let dim = self.dims[axis];
        let stride = usize::try_from(step.max(1)).unwrap_or(usize::MAX);
        (0..dim.count).step_by(stride).map(move |first| {
            let mut dims = self.dims.clone();
            dims[axis].count = step.min(dim.count - first);
            BoxCopy {
                source: self.source + first * dim.source,
                target: self.target + first * dim.target,
                dims,
            }
        })
    }
}

fn target_span(dims: &[Dim]) -> u64 {
    1 + dims.iter().map(|dim| (dim.count - 1) * dim.target).sum::<u64>()
}

fn clip(dims: &[Dim], source: u64, target: u64, begin: u64, end: u64, emit: &mut impl FnMut(BoxCopy)) {
    let span = target_span(dims);
    if target >= end || target + span <= begin {
        return;
    }
    if target >= begin && target + span <= end {
        return emit(BoxCopy { source, target, dims: dims.to_vec() });
    }
    // A box of one element is either inside or outside, so there is an axis to cut.
    let (dim, inner) = (dims[0], &dims[1..]);
    let reach = target_span(inner);
    let at = |index: u64| (source + index * dim.source, target + index * dim.target);
    // Indices below `first` start before `begin`; those below `stop` end by `end`.
    let first = begin.saturating_sub(target).div_ceil(dim.target).min(dim.count);
    let stop = match (end - target).checked_sub(reach) {
        Some(room) => (room / dim.target + 1).min(dim.count),
        None => 0,
    };
    if first > 0 {
        let (source, target) = at(first - 1);
        clip(inner, source, target, begin, end, emit);
    }
    if stop > first {
        let (source, target) = at(first);
        let mut dims = dims.to_vec();
        dims[0].count = stop - first;
        emit(BoxCopy { source, target, dims });
    }
    let last = stop.max(first);
    if last < dim.count {
        let (source, target) = at(last);
        clip(inner, source, target, begin, end, emit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dim(count: u64, source: u64, target: u64) -> Dim {
        Dim { count, source, target }
    }

    fn elements(copy: &BoxCopy) -> Vec<(u64, u64)> {
        let mut all = vec![(copy.source, copy.target)];
        for dim in &copy.dims {
            all = all
                .iter()
                .flat_map(|&(s, t)| (0..dim.count).map(move |i| (s + i * dim.source, t + i * dim.target)))
                .collect();
        }
        all
    }

    #[test]
    fn merging_joins_what_chains() {
        let mut copy = BoxCopy {
            source: 0,
            target: 0,
            dims: vec![dim(3, 200, 40), dim(1, 7, 9), dim(4, 10, 10), dim(10, 1, 1)],
        };
        let before = elements(&copy);
        copy.merge();
        assert_eq!(copy.dims, [dim(3, 200, 40), dim(40, 1, 1)]);
        assert_eq!(elements(&copy), before);
    }

    #[test]
    fn intersection_keeps_exactly_the_range() {
        let copy = BoxCopy { source: 5, target: 7, dims: vec![dim(3, 1, 50), dim(4, 100, 11), dim(6, 9, 1)] };
        let all = elements(&copy);
        for begin in 0..160 {
            for end in begin..160 {
                let mut found = Vec::new();
                copy.intersect(begin, end, &mut |part| found.extend(elements(&part)));
                let expected: Vec<_> =
                    all.iter().copied().filter(|&(_, t)| (begin..end).contains(&t)).collect();
                assert_eq!(found, expected, "{begin}..{end}");
            }
        }
    }

    #[test]
    fn splitting_keeps_all_elements() {
        let copy = BoxCopy { source: 5, target: 7, dims: vec![dim(5, 1, 50), dim(4, 100, 11)] };
        let mut found: Vec<_> = copy.split(1, 3).flat_map(|part| elements(&part)).collect();
        found.sort_unstable_by_key(|&(_, t)| t);
        assert_eq!(found, elements(&copy));
    }
}
