//! Memory of the host that a GPU copies from and to by itself.

use crate::Error;
use cudarc::driver::{CudaStream, sys};
use std::ffi::c_void;
use std::sync::Arc;

/// Keeps memory pinned. When this is dropped, what its lane has queued is done first.
pub struct Pinned {
    stream: Arc<CudaStream>,
    at: *mut c_void,
}

impl Pinned {
    /// # Safety
    /// The memory stays allocated until the returned value is dropped.
    pub(crate) unsafe fn new(stream: &Arc<CudaStream>, memory: &mut [u8]) -> Result<Pinned, Error> {
        stream.context().bind_to_thread().map_err(Error::driver("cuCtxSetCurrent"))?;
        let at = memory.as_mut_ptr().cast();
        // SAFETY: the range is allocated, and the caller keeps it so.
        unsafe { sys::cuMemHostRegister_v2(at, memory.len(), 0) }
            .result()
            .map_err(Error::driver("cuMemHostRegister"))?;
        Ok(Pinned { stream: Arc::clone(stream), at })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let bound = self.stream.context().bind_to_thread().and_then(|()| self.stream.synchronize());
        // A GPU that failed has told so by its lane.
        self.stream.context().record_err(bound);
        // SAFETY: registered once, by `new`; nothing queued uses it any more.
        let freed = unsafe { sys::cuMemHostUnregister(self.at) }.result();
        self.stream.context().record_err(freed);
    }
}

/// Whether memory is pinned: only then does a queued copy come back to it.
pub(crate) fn is_pinned(memory: &[u8]) -> bool {
    let mut kind = 0u32;
    // SAFETY: the attribute is written as one u32; the driver takes any address.
    let found = unsafe {
        sys::cuPointerGetAttribute(
            (&raw mut kind).cast(),
            sys::CUpointer_attribute::CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
            memory.as_ptr() as sys::CUdeviceptr,
        )
    };
    found.result().is_ok() && kind == sys::CUmemorytype::CU_MEMORYTYPE_HOST as u32
}
