//! What turns source bytes into target bytes, tile by tile. The reading before it and the writing after it are the same
//! for all backends.

use crate::Error;
use crate::fill::Task;
use crate::scales::Scales;
use ckpt_tensor::{BoxCopy, Window, copy_box};

/// Makes a lane for each worker.
pub trait Backend: Sync {
    fn lane(&self) -> Result<Box<dyn Lane + '_>, Error>;
}

/// One worker's way through a backend.
pub trait Lane {
    /// Converts the box `piece` (merged, in elements) of a task out of `window` into `target`, whose first element is
    /// `task.begin` of the payload.
    fn convert(
        &mut self,
        task: &Task,
        scales: &Scales,
        window: Window,
        target: &mut [u8],
        piece: &BoxCopy,
    ) -> Result<(), Error>;
}

/// The processor that we run on.
pub struct Cpu;

impl Backend for Cpu {
    fn lane(&self) -> Result<Box<dyn Lane + '_>, Error> {
        Ok(Box::new(CpuLane))
    }
}

pub struct CpuLane;

impl Lane for CpuLane {
    fn convert(
        &mut self,
        task: &Task,
        scales: &Scales,
        window: Window,
        target: &mut [u8],
        piece: &BoxCopy,
    ) -> Result<(), Error> {
        copy_box(&scales.kernel(task)?, window, target, task.begin, piece);
        Ok(())
    }
}
