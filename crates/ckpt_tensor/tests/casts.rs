//! Casts against what torch did (`data/casts.sha256`, made by test/oracle/record_casts.py) and against `half`.

use std::collections::HashMap;

use ckpt_tensor::cast::{Level, cast_fn_at};
use ckpt_tensor::{Dtype, Op};
use sha2::{Digest, Sha256};

const FLOATS: [Dtype; 3] = [Dtype::BF16, Dtype::F16, Dtype::F32];

/// The rule of `f32_patterns` in record_casts.py.
fn f32_patterns() -> Vec<u8> {
    #[rustfmt::skip]
    const LOW: [u32; 24] = [
        0x0000, 0x0001, 0x0fff, 0x1000, 0x1001, 0x1fff, 0x2000, 0x2fff, 0x3000, 0x3001, 0x5000, 0x7000,
        0x7fff, 0x8000, 0x8001, 0x9000, 0xa000, 0xb000, 0xc000, 0xd000, 0xe000, 0xefff, 0xf000, 0xffff,
    ];
    let dense = (0..65536u32).flat_map(|high| LOW.map(|low| high << 16 | low));
    let walk = (0..1u64 << 20).map(|i| (i * 2_654_435_761 + 12345) as u32);
    dense.chain(walk).flat_map(u32::to_le_bytes).collect()
}

fn patterns(dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F32 => f32_patterns(),
        _ => (0..=u16::MAX).flat_map(u16::to_le_bytes).collect(),
    }
}

fn convert(level: Level, from: Dtype, to: Dtype, op: Op, source: &[u8]) -> Vec<u8> {
    let Some(run) = cast_fn_at(level, from, to, op) else { return source.to_vec() };
    let count = source.len() / from.size().unwrap();
    let mut target = vec![0xa5; count * to.size().unwrap()];
    run(source, &mut target);
    target
}

#[test]
fn every_level_equals_torch() {
    let recorded: HashMap<&str, &str> =
        include_str!("data/casts.sha256").lines().filter_map(|line| line.rsplit_once(' ')).collect();
    let mut checked = 0;
    for from in FLOATS {
        let source = patterns(from);
        for to in FLOATS {
            for (op, name) in [(Op::None, "none"), (Op::MinusOne, "minus_one"), (Op::PlusOne, "plus_one")] {
                let case = format!("{} {} {name}", from.safetensors_name(), to.safetensors_name());
                for level in Level::available() {
                    let digest = Sha256::digest(convert(level, from, to, op, &source));
                    assert_eq!(format!("{digest:x}"), recorded[case.as_str()], "{case} at {level:?}");
                    checked += 1;
                }
            }
        }
    }
    assert_eq!(checked, recorded.len() * Level::available().len());
}

#[test]
fn short_and_misaligned_runs_equal_long_ones() {
    for from in FLOATS {
        let source = &patterns(from)[..4096];
        let size = from.size().unwrap();
        for to in FLOATS.into_iter().filter(|&to| to != from) {
            for level in Level::available() {
                let whole = convert(level, from, to, Op::None, source);
                for count in 0..70 {
                    let mut target = vec![0xa5; 1 + count * to.size().unwrap() + 1];
                    let end = target.len() - 1;
                    let run = cast_fn_at(level, from, to, Op::None).unwrap();
                    run(&source[size..][..count * size], &mut target[1..end]);
                    let expected = &whole[to.size().unwrap()..][..count * to.size().unwrap()];
                    assert_eq!(&target[1..end], expected, "{from:?} {to:?} {level:?} {count}");
                    assert_eq!((target[0], target[end]), (0xa5, 0xa5));
                }
            }
        }
    }
}

#[test]
fn numbers_equal_the_half_crate() {
    let source = f32_patterns();
    let level = Level::detect();
    let bf16 = convert(level, Dtype::F32, Dtype::BF16, Op::None, &source);
    let f16 = convert(level, Dtype::F32, Dtype::F16, Op::None, &source);
    for (index, bytes) in source.chunks_exact(4).enumerate() {
        let value = f32::from_le_bytes(bytes.try_into().unwrap());
        if value.is_nan() {
            continue;
        }
        let at = |target: &[u8]| u16::from_le_bytes([target[index * 2], target[index * 2 + 1]]);
        assert_eq!(at(&bf16), half::bf16::from_f32(value).to_bits(), "{value:e}");
        assert_eq!(at(&f16), half::f16::from_f32(value).to_bits(), "{value:e}");
    }
}
