//! What the host waits for on a stream.

use crate::Error;
use cudarc::driver::{CudaEvent, CudaStream, sys};
use std::collections::VecDeque;
use std::sync::Arc;

/// Marks on a stream that it has not been seen to reach, oldest first.
#[derive(Default)]
pub(crate) struct Marks {
    ahead: VecDeque<CudaEvent>,
    spare: Vec<CudaEvent>,
}

impl Marks {
    /// Marks what was queued last.
    pub(crate) fn set(&mut self, stream: &Arc<CudaStream>) -> Result<(), Error> {
        let event = match self.spare.pop() {
            Some(event) => event,
            // A thread that waits leaves its core to the others.
            None => stream
                .context()
                .new_event(Some(sys::CUevent_flags::CU_EVENT_BLOCKING_SYNC))
                .map_err(Error::driver("cuEventCreate"))?,
        };
        event.record(stream).map_err(Error::driver("cuEventRecord"))?;
        self.ahead.push_back(event);
        Ok(())
    }

    /// Waits until no more than `left` marks are ahead.
    pub(crate) fn wait(&mut self, left: usize) -> Result<(), Error> {
        while self.ahead.len() > left {
            let Some(event) = self.ahead.pop_front() else { break };
            event.synchronize().map_err(Error::driver("cuEventSynchronize"))?;
            self.spare.push(event);
        }
        Ok(())
    }
}
