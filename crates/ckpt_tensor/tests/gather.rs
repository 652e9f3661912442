//! Box copies against a loop over single elements.

use ckpt_tensor::{BoxCopy, Dim, Dtype, Kernel, Op, Window, copy_box};
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Case {
    from: Dtype,
    to: Dtype,
    copy: BoxCopy,
}

/// Boxes inside a row-major extent, with the source axes permuted and padded: all that a plan can ask for.
fn cases() -> impl Strategy<Value = Case> {
    let pairs = prop::sample::select(vec![
        (Dtype::BF16, Dtype::BF16),
        (Dtype::F32, Dtype::BF16),
        (Dtype::F16, Dtype::F32),
        (Dtype::F32, Dtype::F32),
        (Dtype::U8, Dtype::U8),
        (Dtype::I64, Dtype::I64),
    ]);
    (1usize..=4).prop_flat_map(move |rank| {
        (
            pairs.clone(),
            prop::collection::vec((1u64..=70, 0u64..3), rank),
            Just((0..rank).collect::<Vec<_>>()).prop_shuffle(),
            prop::collection::vec(0u64..3, rank),
            0u64..40,
        )
            .prop_map(|((from, to), axes, order, padding, offset)| {
                // Keep the volume small: only the two last axes may be long.
                let rank = axes.len();
                let count = |axis: usize| if axis + 2 < rank { axes[axis].0 % 3 + 1 } else { axes[axis].0 };
                let mut dims = vec![Dim { count: 1, source: 0, target: 0 }; rank];
                let mut stride = 1;
                for axis in (0..rank).rev() {
                    dims[axis] = Dim { count: count(axis), source: 0, target: stride };
                    stride *= count(axis) + axes[axis].1;
                }
                let mut stride = 1;
                for axis in order {
                    dims[axis].source = stride;
                    stride *= count(axis) + padding[axis];
                }
                Case { from, to, copy: BoxCopy { source: offset, target: 0, dims } }
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equals_the_element_loop(case in cases(), skip in 0u64..8) {
        let Case { from, to, mut copy } = case;
        let kernel = Kernel::new(from, to, Op::None).unwrap();
        let (from, to) = (from.size().unwrap(), to.size().unwrap());
        let origin = copy.source.min(skip);
        let window: Vec<u8> = (0..(copy.source - origin + copy.source_span()) as usize * from)
            .map(|i| (i * 31 + i / 256) as u8)
            .collect();
        let span = copy.target_span() as usize;
        let mut expected = vec![0x5a; span * to];
        let mut visit = |source: u64, target: u64| {
            let (source, target) = ((source - origin) as usize * from, target as usize * to);
            let element = Window { bytes: &window[source..source + from], origin: 0 };
            let one = BoxCopy { source: 0, target: 0, dims: vec![] };
            copy_box(&kernel, element, &mut expected[target..target + to], 0, &one);
        };
        each(&copy.dims, copy.source, 0, &mut visit);

        copy.merge();
        let mut found = vec![0x5a; span * to];
        copy_box(&kernel, Window { bytes: &window, origin }, &mut found, 0, &copy);
        prop_assert!(found == expected);
    }
}

fn each(dims: &[Dim], source: u64, target: u64, visit: &mut impl FnMut(u64, u64)) {
    match dims {
        [] => visit(source, target),
        [dim, rest @ ..] => {
            for i in 0..dim.count {
                each(rest, source + i * dim.source, target + i * dim.target, visit);
            }
        }
    }
}
