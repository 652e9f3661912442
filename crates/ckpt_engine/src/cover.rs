//! Whether boxes of an index space are disjoint.

/// First index and size along each axis.
pub type Span<'a> = (&'a [u64], &'a [u64]);

/// Whether no two boxes share an element; every `start + size` fits in 64 bits.
///
/// Boxes are divided wherever a gap or a common border runs through all of them, which takes a grid apart in no time.
/// What cannot be divided is compared pair by pair.
pub fn disjoint<'a>(boxes: impl IntoIterator<Item = Span<'a>>) -> bool {
    let mut boxes: Vec<Span> = boxes.into_iter().filter(|(_, size)| !size.contains(&0)).collect();
    divide(&mut boxes)
}

fn divide(boxes: &mut [Span]) -> bool {
    let Some(rank) = boxes.first().map(|first| first.0.len()).filter(|_| boxes.len() > 1) else {
        return true;
    };
    for axis in 0..rank {
        boxes.sort_unstable_by_key(|(start, _)| start[axis]);
        let mut groups = groups(boxes, axis);
        if groups.len() > 1 {
            return groups.iter_mut().all(|group| divide(group));
        }
    }
    (1..boxes.len()).all(|at| boxes[..at].iter().all(|other| !meet(other, &boxes[at])))
}

/// Divides boxes sorted by their start on `axis` into runs that no other run's boxes reach into.
fn groups<'b, 'a>(boxes: &'b mut [Span<'a>], axis: usize) -> Vec<&'b mut [Span<'a>]> {
    let mut reach = 0;
    let mut groups = Vec::new();
    let mut rest = boxes;
    let mut length = 0;
    while length < rest.len() {
        let (start, size) = rest[length];
        if length > 0 && start[axis] >= reach {
            let (group, after) = rest.split_at_mut(length);
            groups.push(group);
            (rest, length) = (after, 0);
        }
        reach = reach.max(start[axis] + size[axis]);
        length += 1;
    }
    groups.push(rest);
    groups
}

fn meet(a: &Span, b: &Span) -> bool {
    (0..a.0.len()).all(|axis| a.0[axis] < b.0[axis] + b.1[axis] && b.0[axis] < a.0[axis] + a.1[axis])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Instant;

    #[test]
    fn scalars_and_empty_boxes() {
        assert!(disjoint([(&[][..], &[][..])]));
        assert!(!disjoint([(&[][..], &[][..]), (&[][..], &[][..])]));
        assert!(disjoint([(&[0, 0][..], &[4, 4][..]), (&[2, 2][..], &[0, 4][..])]));
    }

    #[test]
    fn a_pinwheel_has_no_cut_and_is_disjoint() {
        let boxes: [([u64; 2], [u64; 2]); 5] =
            [([0, 0], [1, 2]), ([0, 2], [2, 1]), ([2, 1], [1, 2]), ([1, 0], [2, 1]), ([1, 1], [1, 1])];
        assert!(disjoint(boxes.iter().map(|(start, size)| (&start[..], &size[..]))));
        let overlapping = boxes.iter().chain([&([1, 1], [2, 2])]);
        assert!(!disjoint(overlapping.map(|(start, size)| (&start[..], &size[..]))));
    }

    #[test]
    fn large_grids_take_no_time() {
        let began = Instant::now();
        let starts: Vec<[u64; 3]> = (0..50)
            .flat_map(|i| (0..100).flat_map(move |j| (0..10).map(move |k| [0, i * 3 + j * 150, k])))
            .collect();
        assert!(disjoint(starts.iter().map(|start| (&start[..], &[9, 3, 1][..]))));
        assert!(!disjoint(starts.iter().map(|start| (&start[..], &[9, 4, 1][..]))));
        assert!(began.elapsed().as_secs() < 30);
    }

    proptest! {
        #[test]
        fn equals_counting(boxes in prop::collection::vec(((0u64..6, 0u64..6), (1u64..4, 1u64..4)), 0..8)) {
            let boxes: Vec<_> = boxes.into_iter().map(|((a, b), (c, d))| ([a, b], [c, d])).collect();
            let mut seen = std::collections::HashSet::new();
            let mut expected = true;
            for (start, size) in &boxes {
                for i in start[0]..start[0] + size[0] {
                    for j in start[1]..start[1] + size[1] {
                        expected &= seen.insert((i, j));
                    }
                }
            }
            prop_assert_eq!(disjoint(boxes.iter().map(|(start, size)| (&start[..], &size[..]))), expected);
        }
    }
}
