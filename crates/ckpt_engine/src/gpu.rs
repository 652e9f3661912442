//! GPUs as an option: they compute a tile's elements where that is work, and give the bits that the CPU gives.

use crate::Error;
use crate::backend::{Backend, CpuLane, Lane, Pin};
use crate::choice::{Work, choose};
use crate::fill::Task;
use crate::plan::CopyOp;
use crate::run::Prepared;
use crate::scales::Scales;
use ckpt_cuda::{Device, Job, MAX_AXES, Operation};
use ckpt_tensor::{BoxCopy, Dtype, Op, Window};

/// What computes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Compute {
    #[default]
    Cpu,
    /// GPUs by the driver's numbers; workers are spread over them.
    Cuda(Vec<usize>),
    /// What is faster, as far as it was measured: see `choice`.
    Auto,
}

/// The opened GPUs; none when the CPU computes.
#[derive(Default)]
pub struct Gpus {
    devices: Vec<Device>,
    /// Why the CPU computes although it was not asked to.
    pub reason: Option<String>,
}

impl Gpus {
    /// What computes a plan's elements, or those of one rank. Errors: `Gpu` when a GPU was asked for that cannot be used.
    pub fn open(compute: &Compute, prepared: &Prepared, rank: Option<u32>) -> Result<Gpus, Error> {
        let Choice { ordinals, reason } = Choice::of(compute, prepared, rank)?;
        match ordinals.iter().map(|&at| Device::open(at)).collect() {
            Ok(devices) => Ok(Gpus { devices, reason }),
            Err(error) if *compute == Compute::Auto => {
                Ok(Gpus { devices: Vec::new(), reason: Some(error.to_string()) })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What computes, in words.
    pub fn name(&self) -> String {
        let names: Vec<&str> = self.devices.iter().map(Device::name).collect();
        if names.is_empty() { "cpu".into() } else { names.join(", ") }
    }
}

/// The GPUs that are to compute, not opened yet.
#[derive(Default)]
pub struct Choice {
    /// The driver's numbers; none when the CPU computes.
    ordinals: Vec<usize>,
    /// Why the CPU does although it was not asked to.
    reason: Option<String>,
}

impl Choice {
    /// Errors: `Gpu` when a GPU was asked for that is not there.
    pub fn of(
        compute: &Compute,
        Prepared { checked, layout }: &Prepared,
        rank: Option<u32>,
    ) -> Result<Choice, Error> {
        let work = || Work::of(checked, layout, rank);
        let chosen = match compute {
            Compute::Cpu => return Ok(Choice::default()),
            Compute::Auto => choose(&work()),
            Compute::Cuda(ordinals) => {
                ordinals.iter().try_for_each(|&at| Device::check(at))?;
                if work().changed == 0 { Err("no element changes".into()) } else { Ok(ordinals.clone()) }
            }
        };
        Ok(chosen.map_or_else(
            |reason| Choice { ordinals: Vec::new(), reason: Some(reason) },
            |ordinals| Choice { ordinals, reason: None },
        ))
    }

    pub fn gpus(&self) -> usize {
        self.ordinals.len()
    }
}

/// Windows that a worker reads into in turns.
pub fn windows(gpus: usize) -> usize {
    if gpus == 0 { 1 } else { ckpt_cuda::Lane::WINDOWS }
}

impl Backend for Gpus {
    fn lane(&self, worker: usize, window: usize, tile: usize) -> Result<Box<dyn Lane + '_>, Error> {
        let Some(device) = self.devices.get(worker % self.devices.len().max(1)) else {
            return Ok(Box::new(CpuLane));
        };
        let gpu = ckpt_cuda::Lane::new(device, window, tile)?;
        gpu.bind()?;
        Ok(Box::new(GpuLane { gpu, capacity: tile }))
    }

    fn windows(&self) -> usize {
        windows(self.devices.len())
    }
}

/// What is under way at a time is worth the calls, and a segment has several.
const TILE: usize = 2 << 20;

/// A worker's way through its GPU.
struct GpuLane {
    gpu: ckpt_cuda::Lane,
    /// The most bytes of a tile.
    capacity: usize,
}

impl Pin for ckpt_cuda::Pinned {}

impl Lane for GpuLane {
    fn tile(&self) -> usize {
        TILE.min(self.capacity)
    }

    fn computes_apart(
        &self,
        bytes: usize,
        op: Option<&CopyOp>,
        from: Dtype,
        to: Dtype,
        piece: &BoxCopy,
    ) -> bool {
        bytes <= self.capacity && takes(op, from, to, piece)
    }

    unsafe fn begin(&mut self, target: &[u8]) -> Result<(), Error> {
        // SAFETY: as for the caller; so below.
        Ok(unsafe { self.gpu.upload(target) }?)
    }

    unsafe fn fetch(&mut self, target: &mut [u8]) -> Result<(), Error> {
        // SAFETY: as above.
        Ok(unsafe { self.gpu.fetch(target) }?)
    }

    fn finish(&mut self, left: usize) -> Result<(), Error> {
        Ok(self.gpu.finish(left)?)
    }

    /// Where the driver refuses, copies are slower.
    unsafe fn pin(&self, memory: &mut [u8]) -> Option<Box<dyn Pin>> {
        // SAFETY: as above.
        unsafe { self.gpu.pin(memory) }.ok().map(|pin| Box::new(pin) as Box<dyn Pin>)
    }

    unsafe fn convert(
        &mut self,
        task: &Task,
        scales: &Scales,
        window: Window,
        target: &mut [u8],
        piece: &BoxCopy,
    ) -> Result<(), Error> {
        if !task.apart {
            // SAFETY: as above.
            return unsafe { CpuLane.convert(task, scales, window, target, piece) };
        }
        let operation = operation(task, scales).ok_or_else(|| no_kernel(task))?;
        let job = Job { operation, window, target_origin: task.begin, copy: piece };
        // SAFETY: as above.
        if unsafe { self.gpu.copy(&job) }? { Ok(()) } else { Err(no_kernel(task)) }
    }
}

/// Whether the kernel has a form for a copy.
pub fn takes(op: Option<&CopyOp>, from: Dtype, to: Dtype, piece: &BoxCopy) -> bool {
    let floats = from.is_castable_float() && to.is_castable_float();
    piece.dims.len() <= MAX_AXES
        && match op {
            None => floats || (from == to && from.size().is_some()),
            Some(CopyOp::MinusOne | CopyOp::PlusOne) => floats,
            Some(CopyOp::DequantBlock { .. } | CopyOp::DequantMxfp4 { .. }) => to.is_castable_float(),
            // The CPU does these. A sum has the bits of the order in which it is taken, which is that of its kernel.
            Some(CopyOp::DequantInt4 { .. } | CopyOp::LowRank(_)) => false,
        }
}

fn operation<'s>(task: &'s Task, scales: &'s Scales) -> Option<Operation<'s>> {
    let (from, to) = (task.from, task.to);
    Some(match task.op {
        None if from == to => Operation::Move { size: from.size()? },
        None => Operation::Cast { from, to, op: Op::None },
        Some(CopyOp::MinusOne) => Operation::Cast { from, to, op: Op::MinusOne },
        Some(CopyOp::PlusOne) => Operation::Cast { from, to, op: Op::PlusOne },
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
        Some(CopyOp::DequantInt4 { .. } | CopyOp::LowRank(_)) => return None,
    })
}

fn no_kernel(task: &Task) -> Error {
    let [from, to] = [task.from, task.to].map(Dtype::safetensors_name);
    Error::Plan(format!("the GPU has no kernel for this copy of {from} to {to}"))
}
