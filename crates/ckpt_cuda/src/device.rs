//! A GPU with the kernel loaded.

use crate::Error;
use cudarc::driver::{CudaContext, CudaFunction, sys};
use cudarc::nvrtc::Ptx;
use std::sync::Arc;

/// Made from `kernels/box_copy.cu` by `kernels/compile.sh`.
const KERNEL: &str = include_str!("../kernels/box_copy.ptx");

/// Whether the driver's library is installed; it is not started.
pub fn has_driver() -> bool {
    // SAFETY: loading libcuda runs its initialisers, which every CUDA program relies on.
    unsafe { sys::is_culib_present() }
}

/// GPUs that the driver has. `NoDriver` where there is none.
pub fn device_count() -> Result<usize, Error> {
    if !has_driver() {
        return Err(Error::NoDriver);
    }
    match CudaContext::device_count() {
        Ok(count) => Ok(count.max(0) as usize),
        Err(error) if error.0 == sys::CUresult::CUDA_ERROR_NO_DEVICE => Ok(0),
        Err(error) => Err(Error::driver("cuDeviceGetCount")(error)),
    }
}

pub struct Device {
    pub(crate) context: Arc<CudaContext>,
    pub(crate) kernel: CudaFunction,
    name: String,
}

impl Device {
    /// Whether there is a GPU of this number. Errors: `NoDriver`, `NoDevice`.
    pub fn check(ordinal: usize) -> Result<(), Error> {
        let count = device_count()?;
        if ordinal < count { Ok(()) } else { Err(Error::NoDevice { ordinal, count }) }
    }

    /// Makes a context on GPU number `ordinal`, as the driver counts the visible ones.
    pub fn open(ordinal: usize) -> Result<Device, Error> {
        Device::check(ordinal)?;
        let context = CudaContext::new(ordinal).map_err(Error::driver("cuDevicePrimaryCtxRetain"))?;
        // SAFETY: a lane's memory is used on the lane's own stream only.
        unsafe { context.disable_event_tracking() };
        context.set_blocking_synchronize().map_err(Error::driver("cuDevicePrimaryCtxSetFlags"))?;
        let module = context.load_module(Ptx::from_src(KERNEL)).map_err(Error::driver("cuModuleLoadData"))?;
        let kernel = module.load_function("box_copy").map_err(Error::driver("cuModuleGetFunction"))?;
        let name = context.name().map_err(Error::driver("cuDeviceGetName"))?;
        Ok(Device { context, kernel, name })
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}
