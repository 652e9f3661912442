//! Host memory that GPUs read and write at full speed.

use crate::Error;
use cudarc::driver::sys;

/// Memory that stays in place for the driver until this is dropped.
pub struct Pinned {
    start: *mut std::ffi::c_void,
}

/// Pins `bytes`; a context must be current on the calling thread.
///
/// # Safety
/// The memory must outlive the result.
pub unsafe fn pin(bytes: &mut [u8]) -> Result<Pinned, Error> {
    let start = bytes.as_mut_ptr().cast();
    // SAFETY: the range is the caller's; the driver only locks it.
    let status = unsafe { sys::cuMemHostRegister_v2(start, bytes.len(), sys::CU_MEMHOSTREGISTER_PORTABLE) };
    status.result().map_err(Error::driver("cuMemHostRegister"))?;
    Ok(Pinned { start })
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: registered by `pin`. An error means that the driver is going down, and the lock with it.
        let _ = unsafe { sys::cuMemHostUnregister(self.start) };
    }
}
