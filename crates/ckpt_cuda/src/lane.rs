//! One worker's way through a GPU: a stream, room for a window of source bytes, and a tile of target bytes.
//!
//! Copies to the GPU, kernels and copies back are queued; the GPU does them in this order, so one window and one tile of
//! its memory are enough. The host goes on meanwhile, with another window and another tile of its own.

use crate::device::Device;
use crate::error::Error;
use crate::job::{Job, Params};
use crate::pinned::{Pinned, is_pinned};
use crate::wait::Marks;
use cudarc::driver::{
    CudaFunction, CudaSlice, CudaStream, CudaViewMut, DevicePtr, LaunchConfig, PinnedHostSlice, PushKernelArg,
};
use std::sync::Arc;

const THREADS: u32 = 256;

pub struct Lane {
    stream: Arc<CudaStream>,
    kernel: CudaFunction,
    source: CudaSlice<u8>,
    target: CudaSlice<u8>,
    scales: CudaSlice<u8>,
    /// Copies of the scales of the last windows, in turns.
    staged: [Option<PinnedHostSlice<u8>>; Lane::WINDOWS],
    turn: usize,
    uploads: Marks,
    fetches: Marks,
}

impl Lane {
    /// Windows that the host needs, so that one is read while another is on its way.
    pub const WINDOWS: usize = 2;

    /// `window` and `tile`: the most bytes of a source window and of a target tile.
    pub fn new(device: &Device, window: usize, tile: usize) -> Result<Lane, Error> {
        let stream = device.context.new_stream().map_err(Error::driver("cuStreamCreate"))?;
        let room = |bytes| room(&stream, bytes);
        Ok(Lane {
            source: room(window)?,
            target: room(tile)?,
            scales: room(1)?,
            staged: Default::default(),
            turn: 0,
            uploads: Marks::default(),
            fetches: Marks::default(),
            kernel: device.kernel.clone(),
            stream,
        })
    }

    /// Makes this lane's GPU the current one of the calling thread, which must be the one that uses it from now on.
    pub fn bind(&self) -> Result<(), Error> {
        self.stream.context().bind_to_thread().map_err(Error::driver("cuCtxSetCurrent"))
    }

    /// Pins memory that windows or tiles of this lane will be in. In other memory they work too, but nothing goes on
    /// while they are copied.
    ///
    /// # Safety
    /// The memory stays allocated until the returned value is dropped.
    pub unsafe fn pin(&self, memory: &mut [u8]) -> Result<Pinned, Error> {
        // SAFETY: as for the caller.
        unsafe { Pinned::new(&self.stream, memory) }
    }

    /// Queues bytes for the begin of the tile.
    ///
    /// # Safety
    /// They stay as they are until a `fetch` after this is finished.
    pub unsafe fn upload(&mut self, bytes: &[u8]) -> Result<(), Error> {
        upload(&self.stream, "the tile", &mut self.target, bytes)
    }

    /// Queues a job on the tile. `false`: the kernel has no form for it.
    ///
    /// # Safety
    /// The window stays as it is until the next call returns, or until a `fetch` after this is finished.
    pub unsafe fn copy(&mut self, job: &Job) -> Result<bool, Error> {
        let Some(params) = job.params() else { return Ok(false) };
        let capacity = self.target.len();
        if job.reach() > capacity {
            return Err(Error::TooLarge { what: "the tile", needed: job.reach(), capacity });
        }
        let capacity = job.window.bytes.len();
        if job.reads() > capacity {
            return Err(Error::TooLarge { what: "the window", needed: job.reads(), capacity });
        }
        upload(&self.stream, "the window", &mut self.source, job.window.bytes)?;
        self.upload_scales(job.scale_bytes())?;
        self.uploads.set(&self.stream)?;
        self.launch(params)?;
        self.uploads.wait(if is_pinned(job.window.bytes) { Self::WINDOWS - 1 } else { 0 })?;
        Ok(true)
    }

    /// Queues the first `out.len()` bytes of the tile for the host.
    ///
    /// # Safety
    /// Nobody touches `out` until this fetch is finished.
    pub unsafe fn fetch(&mut self, out: &mut [u8]) -> Result<(), Error> {
        let capacity = self.target.len();
        let tile = self.target.try_slice(..out.len()).ok_or(Error::TooLarge {
            what: "the tile",
            needed: out.len(),
            capacity,
        })?;
        self.stream.memcpy_dtoh(&tile, out).map_err(Error::driver("cuMemcpyDtoHAsync"))?;
        self.fetches.set(&self.stream)
    }

    /// Waits until no more than `left` of the queued fetches, the latest, are unfinished.
    pub fn finish(&mut self, left: usize) -> Result<(), Error> {
        self.fetches.wait(left)
    }

    /// Queues a copy of the scales: the caller's own are gone before the GPU has read them.
    fn upload_scales(&mut self, scales: &[u8]) -> Result<(), Error> {
        if scales.is_empty() {
            return Ok(());
        }
        if self.scales.len() < scales.len() {
            self.scales = room(&self.stream, scales.len().next_power_of_two())?;
        }
        self.turn = (self.turn + 1) % Self::WINDOWS;
        let staged = &mut self.staged[self.turn];
        if staged.as_ref().is_none_or(|staged| staged.len() < scales.len()) {
            // SAFETY: it is written before it is read.
            let memory = unsafe { self.stream.context().alloc_pinned(scales.len().next_power_of_two()) };
            *staged = Some(memory.map_err(Error::driver("cuMemHostAlloc"))?);
        }
        let Some(staged) = staged else { return Ok(()) };
        let staged = &mut staged.as_mut_slice().map_err(Error::driver("cuEventSynchronize"))?[..scales.len()];
        staged.copy_from_slice(scales);
        upload(&self.stream, "the scales", &mut self.scales, staged)
    }

    fn launch(&self, mut params: Params) -> Result<(), Error> {
        params.source = self.source.device_ptr(&self.stream).0;
        params.target = self.target.device_ptr(&self.stream).0;
        params.scales = self.scales.device_ptr(&self.stream).0;
        let config = LaunchConfig {
            grid_dim: (params.volume.div_ceil(THREADS), 1, 1),
            block_dim: (THREADS, 1, 1),
            shared_mem_bytes: 0,
        };
        let mut launch = self.stream.launch_builder(&self.kernel);
        launch.arg(&params);
        // SAFETY: the parameter is the kernel's only one; the box lies in window and tile, whose sizes `copy` has
        // checked; so are the scales, which cover the window's elements.
        unsafe { launch.launch(config) }.map_err(Error::driver("cuLaunchKernel"))?;
        Ok(())
    }
}

impl Drop for Lane {
    /// What is queued reads and writes this lane's memory, on both sides.
    fn drop(&mut self) {
        self.stream.context().record_err(self.stream.synchronize());
    }
}

fn room(stream: &Arc<CudaStream>, bytes: usize) -> Result<CudaSlice<u8>, Error> {
    stream.alloc_zeros::<u8>(bytes).map_err(Error::driver("cuMemAlloc"))
}

fn upload(
    stream: &Arc<CudaStream>,
    what: &'static str,
    room: &mut CudaSlice<u8>,
    bytes: &[u8],
) -> Result<(), Error> {
    let capacity = room.len();
    let mut view: CudaViewMut<u8> =
        room.try_slice_mut(..bytes.len()).ok_or(Error::TooLarge { what, needed: bytes.len(), capacity })?;
    stream.memcpy_htod(bytes, &mut view).map_err(Error::driver("cuMemcpyHtoDAsync"))
}
