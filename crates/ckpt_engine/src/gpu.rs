//! GPUs as an option: they compute a tile's elements where that is work, and give the bits that the CPU gives.

use crate::Error;
use crate::backend::{Backend, CpuLane, Lane};
use crate::fill::Task;
use crate::plan::CopyOp;
use crate::scales::Scales;
use ckpt_cuda::{Device, Job, MAX_AXES, Operation};
use ckpt_tensor::{BoxCopy, Dtype, Window};

/// What computes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Compute {
    #[default]
    Cpu,
    /// GPUs by the driver's numbers; workers are spread over them.
    Cuda(Vec<usize>),
    /// What is fastest: on every machine that was measured the CPU, see docs/performance.md.
    Auto,
}

/// The opened GPUs; none when the CPU computes.
#[derive(Default)]
pub struct Gpus(Vec<Device>);

impl Gpus {
    /// Errors: `Gpu` when a GPU was asked for that cannot be used.
    pub fn open(compute: &Compute) -> Result<Gpus, Error> {
        match compute {
            Compute::Cpu | Compute::Auto => Ok(Gpus::default()),
            Compute::Cuda(ordinals) => {
                let opened: Result<Vec<Device>, _> = ordinals.iter().map(|&at| Device::open(at)).collect();
                Ok(Gpus(opened?))
            }
        }
    }

    /// What computes, in words.
    pub fn name(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(Device::name).collect();
        if names.is_empty() { "cpu".into() } else { names.join(", ") }
    }
}

impl Backend for Gpus {
    fn lane(&self, worker: usize, window: usize, tile: usize) -> Result<Box<dyn Lane + '_>, Error> {
        let Some(device) = self.0.get(worker % self.0.len().max(1)) else {
            return Ok(Box::new(CpuLane));
        };
        let gpu = ckpt_cuda::Lane::new(device, window, tile)?;
        gpu.bind()?;
        Ok(Box::new(GpuLane { gpu, tile }))
    }
}

/// A worker's way through its GPU, which takes a segment's part of an item at a time.
struct GpuLane {
    gpu: ckpt_cuda::Lane,
    tile: usize,
}

impl Lane for GpuLane {
    fn tile(&self) -> usize {
        self.tile
    }

    fn computes_apart(&self, op: Option<&CopyOp>, from: Dtype, to: Dtype, piece: &BoxCopy) -> bool {
        takes(op, from, to, piece)
    }

    fn begin(&mut self, target: &[u8]) -> Result<(), Error> {
        Ok(self.gpu.upload(target)?)
    }

    fn fetch(&mut self, target: &mut [u8]) -> Result<(), Error> {
        Ok(self.gpu.fetch(target)?)
    }

    fn convert(
        &mut self,
        task: &Task,
        scales: &Scales,
        window: Window,
        target: &mut [u8],
        piece: &BoxCopy,
    ) -> Result<(), Error> {
        if task.apart {
            place(&mut self.gpu, task, scales, window, piece)
        } else {
            CpuLane.convert(task, scales, window, target, piece)
        }
    }
}

/// Whether the kernel has a form for a copy.
fn takes(op: Option<&CopyOp>, from: Dtype, to: Dtype, piece: &BoxCopy) -> bool {
    let floats = from.is_castable_float() && to.is_castable_float();
    piece.dims.len() <= MAX_AXES
        && match op {
            None => floats || (from == to && from.size().is_some()),
            Some(CopyOp::MinusOne) => floats,
            Some(CopyOp::DequantBlock { .. } | CopyOp::DequantMxfp4 { .. }) => to.is_castable_float(),
            // The CPU does these.
            Some(_) => false,
        }
}

/// Computes a box on the lane's tile, which begins at the task's first element.
fn place(
    lane: &mut ckpt_cuda::Lane,
    task: &Task,
    scales: &Scales,
    window: Window,
    copy: &BoxCopy,
) -> Result<(), Error> {
    let (from, to) = (task.from, task.to);
    let operation = match task.op {
        None if from == to => Operation::Move { size: from.size().unwrap_or(0) },
        None => Operation::Cast { from, to, minus_one: false },
        Some(CopyOp::MinusOne) => Operation::Cast { from, to, minus_one: true },
        Some(&CopyOp::DequantBlock { block, columns, .. }) => Operation::Block {
            to,
            columns,
            block,
            scales: scales.values(),
            first_row: scales.first() / columns.div_ceil(block[1]),
        },
        Some(CopyOp::DequantMxfp4 { .. }) => {
            Operation::Mxfp4 { to, scales: scales.exponents(), first: scales.first() }
        }
        Some(_) => return Err(no_kernel(task)),
    };
    let job = Job { operation, window, target_origin: task.begin, copy };
    if lane.copy(&job)? {
        return Ok(());
    }
    Err(no_kernel(task))
}

fn no_kernel(task: &Task) -> Error {
    let [from, to] = [task.from, task.to].map(Dtype::safetensors_name);
    Error::Plan(format!("the GPU has no kernel for this copy of {from} to {to}"))
}
