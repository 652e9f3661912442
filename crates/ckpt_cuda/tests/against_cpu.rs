//! Every job gives the bytes that `ckpt_tensor` gives. Without a GPU these tests say so and check only that its
//! absence is told.
#![allow(clippy::print_stderr, reason = "a test that checks less says so")]

use ckpt_cuda::{Device, Error, Job, Lane, Operation, device_count};
use ckpt_tensor::dequant::{Block, Mxfp4, Target};
use ckpt_tensor::{BoxCopy, Dim, Dtype, Kernel, Op, Window, copy_box};
use proptest::prelude::*;
use std::sync::{Mutex, OnceLock, PoisonError};

const ROOM: usize = 4 << 20;
const FLOATS: [Dtype; 3] = [Dtype::F32, Dtype::BF16, Dtype::F16];

fn with_lane(test: impl FnOnce(&mut Lane)) {
    static LANE: OnceLock<Option<Mutex<Lane>>> = OnceLock::new();
    let lane = LANE.get_or_init(|| match device_count() {
        Ok(0) | Err(Error::NoDriver) => {
            eprintln!("no GPU here: what the kernel computes is not checked");
            assert!(Device::open(0).is_err());
            None
        }
        Ok(_) => Some(Mutex::new(Lane::new(&Device::open(0).unwrap(), ROOM, ROOM).unwrap())),
        Err(error) => panic!("{error}"),
    });
    if let Some(lane) = lane {
        let mut lane = lane.lock().unwrap_or_else(PoisonError::into_inner);
        lane.bind().unwrap();
        test(&mut lane);
    }
}

fn operation(kernel: &Kernel, from: Dtype, to: Dtype, op: Op) -> Operation<'static> {
    match kernel {
        Kernel::Move { size } => Operation::Move { size: *size },
        _ => Operation::Cast { from, to, op },
    }
}

fn check(lane: &mut Lane, job: &Job, kernel: &Kernel, bytes: usize) {
    let mut expected = vec![0; bytes];
    copy_box(kernel, job.window, &mut expected, job.target_origin, job.copy);
    let mut found = vec![0xaa; bytes];
    let zeros = vec![0; bytes];
    // SAFETY: everything is there until the fetch is finished.
    unsafe {
        lane.upload(&zeros).unwrap();
        assert!(lane.copy(job).unwrap());
        lane.fetch(&mut found).unwrap();
    }
    lane.finish(0).unwrap();
    if let Some(at) = expected.iter().zip(&found).position(|(a, b)| a != b) {
        panic!("byte {at}: {:#x}, not {:#x}", found[at], expected[at]);
    }
}

/// A run of `count` elements.
fn run(count: u64) -> BoxCopy {
    BoxCopy { source: 0, target: 0, dims: vec![Dim { count, source: 1, target: 1 }] }
}

#[test]
fn casts_of_every_16_bit_value_and_of_many_32_bit_ones() {
    let halves: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    let singles: Vec<u8> = (0..400_000u32)
        .map(|i| i.wrapping_mul(10_739))
        .chain([0x7f80_0001, 0xff80_0001, 0x7fff_ffff, 0x477f_efff, 0x477f_f000, 0x3300_0000, 0x3300_0001])
        .flat_map(u32::to_le_bytes)
        .collect();
    with_lane(|lane| {
        for from in FLOATS {
            let bytes = if from == Dtype::F32 { &singles } else { &halves };
            let copy = run((bytes.len() / from.size().unwrap()) as u64);
            for (to, op) in
                FLOATS.iter().flat_map(|&to| [(to, Op::None), (to, Op::MinusOne), (to, Op::PlusOne)])
            {
                let kernel = Kernel::new(from, to, op).unwrap();
                let operation = operation(&kernel, from, to, op);
                let window = Window { bytes, origin: 0 };
                let job = Job { operation, window, target_origin: 0, copy: &copy };
                check(lane, &job, &kernel, copy.volume() as usize * to.size().unwrap());
            }
        }
    });
}

#[test]
fn block_scales_of_every_float8() {
    let bytes: Vec<u8> = (0..300 * 515).map(|i| (i * 7 % 256) as u8).collect();
    let scales: Vec<f32> = (0..3 * 5).map(|i| 1.7f32.powi(i * 9 - 60)).chain([f32::NAN; 5]).collect();
    with_lane(|lane| {
        for to in FLOATS {
            let target = Target::new(to).unwrap();
            let (columns, block) = (515, [128, 128]);
            let kernel = Kernel::Block(Block { target, columns, block, scales: &scales, first_row: 1 });
            let operation = Operation::Block { to, columns, block, scales: &scales, first_row: 1 };
            // Rows 130 to 429 of the weight, the window from there on.
            let origin = 130 * columns;
            let copy = BoxCopy { source: origin, target: 9, dims: run(300 * columns).dims };
            let window = Window { bytes: &bytes, origin };
            let job = Job { operation, window, target_origin: 9, copy: &copy };
            check(lane, &job, &kernel, 300 * 515 * to.size().unwrap());
        }
    });
}

#[test]
fn every_mxfp4_code_with_every_scale() {
    let bytes: Vec<u8> = (0..=255).cycle().take(256 * 16 * 16).collect();
    let scales: Vec<u8> = (0..=255).flat_map(|scale| [scale; 16]).collect();
    with_lane(|lane| {
        for to in FLOATS {
            let kernel = Kernel::Mxfp4(Mxfp4 { target: Target::new(to).unwrap(), scales: &scales, first: 2 });
            let operation = Operation::Mxfp4 { to, scales: &scales, first: 2 };
            let copy = BoxCopy { source: 64, target: 0, dims: run(256 * 16 * 32).dims };
            let window = Window { bytes: &bytes, origin: 64 };
            let job = Job { operation, window, target_origin: 0, copy: &copy };
            check(lane, &job, &kernel, 256 * 16 * 32 * to.size().unwrap());
        }
    });
}

prop_compose! {
    /// Axes of a small tensor in any source order, with gaps, over a row-major target.
    fn boxes()(counts in prop::collection::vec(1u64..9, 1..5), order in any::<u64>(), gap in 0u64..3)
        -> BoxCopy {
        let rank = counts.len();
        let mut dims: Vec<Dim> = counts.iter().map(|&count| Dim { count, source: 0, target: 0 }).collect();
        let mut step = 1;
        for axis in (0..rank).rev() {
            dims[axis].target = step;
            step *= counts[axis];
        }
        let mut axes: Vec<usize> = (0..rank).collect();
        axes.rotate_left(order as usize % rank);
        let mut step = 1 + gap;
        for axis in axes {
            dims[axis].source = step;
            step = step * counts[axis] + gap;
        }
        let mut copy = BoxCopy { source: 5, target: 3, dims };
        copy.merge();
        copy
    }
}

proptest! {
    #[test]
    fn any_box(copy in boxes(), from in 0..3usize, to in 0..3usize) {
        let (from, to) = (FLOATS[from], FLOATS[to]);
        let bytes: Vec<u8> = (0..(5 + copy.source_span()) * 4).map(|i| (i * 31 % 251) as u8).collect();
        with_lane(|lane| {
            let kernel = Kernel::new(from, to, Op::None).unwrap();
            let operation = operation(&kernel, from, to, Op::None);
            let job = Job { operation, window: Window { bytes: &bytes, origin: 2 }, target_origin: 1, copy: &copy };
            check(lane, &job, &kernel, (2 + copy.target_span()) as usize * to.size().unwrap());
        });
    }
}

#[test]
fn a_box_that_leaves_its_window_or_the_tile_is_refused() {
    with_lane(|lane| {
        let copy = run(100);
        let operation = Operation::Move { size: 2 };
        let job = |bytes, target_origin| Job {
            operation,
            window: Window { bytes, origin: 0 },
            target_origin,
            copy: &copy,
        };
        let far = BoxCopy { target: ROOM as u64, ..copy.clone() };
        for job in [job(&[0; 199], 0), Job { copy: &far, ..job(&[0; 200], 0) }] {
            // SAFETY: nothing is queued.
            assert!(matches!(unsafe { lane.copy(&job) }, Err(Error::TooLarge { .. })));
        }
    });
}

/// Windows in turns, tiles one behind the other, all in pinned memory: nothing is waited for but what must be.
#[test]
fn tiles_under_way_do_not_mix() {
    const TILES: usize = 12;
    const COUNT: usize = 1 << 18;
    let copy = run(COUNT as u64);
    with_lane(|lane| {
        let mut windows = vec![0u8; Lane::WINDOWS * COUNT * 4];
        let mut targets = vec![0xaa; TILES * COUNT * 2];
        // SAFETY: both are dropped after what pins them.
        let pinned = unsafe { [lane.pin(&mut windows).unwrap(), lane.pin(&mut targets).unwrap()] };
        for (number, tile) in targets.chunks_exact_mut(COUNT * 2).enumerate() {
            let at = number % Lane::WINDOWS * COUNT * 4;
            let window = &mut windows[at..][..COUNT * 4];
            for (i, value) in window.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                *value = ((number * COUNT + i) as f32).to_le_bytes();
            }
            let operation = Operation::Cast { from: Dtype::F32, to: Dtype::BF16, op: Op::None };
            let window = Window { bytes: window, origin: 0 };
            let job = Job { operation, window, target_origin: 0, copy: &copy };
            // SAFETY: a window is written again when a later one is on its way, a tile is read in the end.
            unsafe {
                assert!(lane.copy(&job).unwrap());
                lane.fetch(tile).unwrap();
            }
            lane.finish(1).unwrap();
        }
        lane.finish(0).unwrap();
        drop(pinned);
        let kernel = Kernel::new(Dtype::F32, Dtype::BF16, Op::None).unwrap();
        let all: Vec<u8> = (0..TILES * COUNT).flat_map(|i| (i as f32).to_le_bytes()).collect();
        let mut expected = vec![0; targets.len()];
        let whole = run((TILES * COUNT) as u64);
        copy_box(&kernel, Window { bytes: &all, origin: 0 }, &mut expected, 0, &whole);
        assert!(targets == expected);
    });
}
