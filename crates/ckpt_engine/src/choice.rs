//! What `auto` takes: a GPU where it was measured to be faster. With the source and the target in memory that was beside
//! one core, for large quantised checkpoints; docs/performance.md has the figures.

use crate::check::Checked;
use crate::fill::Pieces;
use crate::gpu::takes;
use crate::layout::Layout;
use crate::plan::{CopyOp, Item};
use ckpt_cuda::{Error, device_count, has_driver};
use std::thread::available_parallelism;

/// More cores than these were as fast as a GPU on one host, and faster on another.
const FEW_CORES: usize = 1;
/// Bytes of dequantised payload that make up for the start of a GPU, half a second.
const ENOUGH: u64 = 12_000_000_000;

/// Payload bytes of what a GPU would compute.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Work {
    pub changed: u64,
    /// What of them is float8 or MXFP4 in the source.
    pub dequantised: u64,
}

impl Work {
    /// Of the files of a rank, or of all.
    pub fn of(checked: &Checked, layout: &Layout, rank: Option<u32>) -> Work {
        let mut work = Work::default();
        let files = checked.plan.files.iter().zip(&layout.files);
        for (file, places) in files.filter(|(file, _)| rank.is_none_or(|only| only == file.rank)) {
            for (item, placed) in file.items.iter().zip(&places.items) {
                let Item::Tensor(item) = item else { continue };
                if !Pieces::new(checked, item).are_apart(checked, takes) {
                    continue;
                }
                work.changed += placed.payload;
                let mut ops = checked.plan.forms[item.form].copies.iter().map(|copy| &copy.op);
                if ops.any(|op| matches!(op, Some(CopyOp::DequantBlock { .. } | CopyOp::DequantMxfp4 { .. })))
                {
                    work.dequantised += placed.payload;
                }
            }
        }
        work
    }
}

/// The GPUs to take, by the driver's numbers, or why the CPU is the choice. The driver is asked last: its start takes
/// longer than what a small model has to compute.
pub fn choose(work: &Work) -> Result<Vec<usize>, String> {
    if !has_driver() {
        return Err(Error::NoDriver.to_string());
    }
    worth_it(available_parallelism().map_or(1, usize::from), work)?;
    match device_count().map_err(|error| error.to_string())? {
        0 => Err("the driver has no GPU".into()),
        count => Ok((0..count).collect()),
    }
}

fn worth_it(cores: usize, work: &Work) -> Result<(), String> {
    if cores > FEW_CORES {
        return Err(format!("{cores} cores are as fast as a GPU"));
    }
    if work.dequantised < ENOUGH {
        let gigabytes = work.dequantised as f64 / 1e9;
        return Err(format!("{gigabytes:.1} GB to dequantise are too few for the start of a GPU"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_is_worth_it_beside_few_cores_for_much_to_dequantise() {
        let work = |dequantised| Work { changed: 100_000_000_000, dequantised };
        assert_eq!(worth_it(FEW_CORES, &work(ENOUGH)), Ok(()));
        for (cores, bytes, why) in [(FEW_CORES + 1, ENOUGH, "2 cores"), (FEW_CORES, ENOUGH - 1, "12.0 GB")] {
            let refused = worth_it(cores, &work(bytes)).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
