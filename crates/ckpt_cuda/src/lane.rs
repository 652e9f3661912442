//! One worker's way through a GPU: a stream, room for a window of source bytes, and a tile of target bytes.

use crate::device::Device;
use crate::error::Error;
use crate::job::Job;
use cudarc::driver::{CudaFunction, CudaSlice, CudaStream, DevicePtr, LaunchConfig, PushKernelArg};
use std::sync::Arc;

const THREADS: u32 = 256;

pub struct Lane {
    stream: Arc<CudaStream>,
    kernel: CudaFunction,
    source: CudaSlice<u8>,
    target: CudaSlice<u8>,
    scales: CudaSlice<u8>,
}

impl Lane {
    /// `window` and `tile`: the most bytes of a source window and of a target tile.
    pub fn new(device: &Device, window: usize, tile: usize) -> Result<Lane, Error> {
        let stream = device.context.new_stream().map_err(Error::driver("cuStreamCreate"))?;
        let room = |bytes| stream.alloc_zeros::<u8>(bytes).map_err(Error::driver("cuMemAlloc"));
        Ok(Lane {
            source: room(window)?,
            target: room(tile)?,
            // A scale covers elements of at least its own size.
            scales: room(window)?,
            kernel: device.kernel.clone(),
            stream,
        })
    }

    /// Makes this lane's GPU the current one of the calling thread, which must be the one that uses it from now on.
    pub fn bind(&self) -> Result<(), Error> {
        self.stream.context().bind_to_thread().map_err(Error::driver("cuCtxSetCurrent"))
    }

    /// Puts bytes at the begin of the tile.
    pub fn upload(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut tile = slice_mut("the tile", &mut self.target, bytes.len())?;
        self.stream.memcpy_htod(bytes, &mut tile).map_err(Error::driver("cuMemcpyHtoDAsync"))?;
        self.synchronize()
    }

    /// Runs a job on the tile; its window may be overwritten when this returns. `false`: the kernel has no form for it.
    pub fn copy(&mut self, job: &Job) -> Result<bool, Error> {
        let Some(mut params) = job.params() else { return Ok(false) };
        let capacity = self.target.len();
        if job.reach() > capacity {
            return Err(Error::TooLarge { what: "the tile", needed: job.reach(), capacity });
        }
        let capacity = job.window.bytes.len();
        if job.reads() > capacity {
            return Err(Error::TooLarge { what: "the window", needed: job.reads(), capacity });
        }
        let scales = job.scale_bytes();
        let mut window = slice_mut("the window", &mut self.source, job.window.bytes.len())?;
        self.stream.memcpy_htod(job.window.bytes, &mut window).map_err(Error::driver("cuMemcpyHtoDAsync"))?;
        if !scales.is_empty() {
            let mut room = slice_mut("the scales", &mut self.scales, scales.len())?;
            self.stream.memcpy_htod(scales, &mut room).map_err(Error::driver("cuMemcpyHtoDAsync"))?;
        }
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
        // SAFETY: the parameter is the kernel's only one; the box lies in window and tile, whose sizes were
        // checked above; so are the scales, which cover the window's elements.
        unsafe { launch.launch(config) }.map_err(Error::driver("cuLaunchKernel"))?;
        self.synchronize()?;
        Ok(true)
    }

    /// Brings the first `out.len()` bytes of the tile to the host.
    pub fn fetch(&mut self, out: &mut [u8]) -> Result<(), Error> {
        let capacity = self.target.len();
        let tile = self.target.try_slice(..out.len()).ok_or(Error::TooLarge {
            what: "the tile",
            needed: out.len(),
            capacity,
        })?;
        self.stream.memcpy_dtoh(&tile, out).map_err(Error::driver("cuMemcpyDtoHAsync"))?;
        self.synchronize()
    }

    fn synchronize(&self) -> Result<(), Error> {
        self.stream.synchronize().map_err(Error::driver("cuStreamSynchronize"))
    }
}

fn slice_mut<'a>(
    what: &'static str,
    room: &'a mut CudaSlice<u8>,
    needed: usize,
) -> Result<cudarc::driver::CudaViewMut<'a, u8>, Error> {
    let capacity = room.len();
    room.try_slice_mut(..needed).ok_or(Error::TooLarge { what, needed, capacity })
}
