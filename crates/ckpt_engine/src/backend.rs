//! What turns source bytes into target bytes, tile by tile. The reading before it and the writing after it are the same
//! for all backends.

use crate::Error;
use crate::fill::Task;
use crate::plan::CopyOp;
use crate::scales::Scales;
use ckpt_tensor::{BoxCopy, Dtype, Window, copy_box};

/// Makes a lane for each worker.
pub trait Backend: Sync {
    /// The lane of worker number `worker`, whose source windows and target tiles have at most so many bytes. To be
    /// called by the thread that uses it.
    fn lane(&self, worker: usize, window: usize, tile: usize) -> Result<Box<dyn Lane + '_>, Error>;

    /// Windows that a worker reads into in turns: while its lane is at one, the next is read.
    fn windows(&self) -> usize {
        1
    }
}

/// Payload is gathered and summed in tiles that stay in the cache between the two.
const TILE: usize = 1 << 20;

/// Keeps memory where a lane's processor finds it.
pub trait Pin {}

/// One worker's way through a backend.
pub trait Lane {
    /// Converts the box `piece` (merged, in elements) of a task out of `window` into `target`, whose first element is
    /// `task.begin` of the payload.
    ///
    /// # Safety
    /// The window of a task that is `apart` stays as it is until so many calls later as there are further windows, or
    /// until the tile is finished.
    unsafe fn convert(
        &mut self,
        task: &Task,
        scales: &Scales,
        window: Window,
        target: &mut [u8],
        piece: &BoxCopy,
    ) -> Result<(), Error>;

    /// Bytes of a tile that suit this lane.
    fn tile(&self) -> usize {
        TILE
    }

    /// Whether a copy's elements are computed away from a target of `bytes` bytes. A tile of such copies is between
    /// `begin` and `fetch`, its tasks are `apart`, and only `fetch` writes the target.
    fn computes_apart(
        &self,
        _bytes: usize,
        _op: Option<&CopyOp>,
        _from: Dtype,
        _to: Dtype,
        _piece: &BoxCopy,
    ) -> bool {
        false
    }

    /// Begins a tile with what the target holds.
    ///
    /// # Safety
    /// Nobody touches the target until it is finished.
    unsafe fn begin(&mut self, _target: &[u8]) -> Result<(), Error> {
        Ok(())
    }

    /// Has a tile brought to the target, which is finished later.
    ///
    /// # Safety
    /// Nobody touches the target until it is finished.
    unsafe fn fetch(&mut self, _target: &mut [u8]) -> Result<(), Error> {
        Ok(())
    }

    /// Waits for all fetched tiles but the latest `left`.
    fn finish(&mut self, _left: usize) -> Result<(), Error> {
        Ok(())
    }

    /// Pins memory for windows and targets; `None` where that changes nothing.
    ///
    /// # Safety
    /// The memory stays allocated until the returned value is dropped.
    unsafe fn pin(&self, _memory: &mut [u8]) -> Option<Box<dyn Pin>> {
        None
    }
}

/// The processor that we run on.
pub struct CpuLane;

impl Lane for CpuLane {
    unsafe fn convert(
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
