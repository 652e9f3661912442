//! How a run's memory is divided: bytes of segments and buffers, and workers that fit a budget.

use crate::check::Checked;
use crate::gpu::windows;
use crate::layout::Layout;
use crate::low_rank;
use crate::machine::HAS_THREADS;
use std::thread;

/// Large enough for a disk to run at speed, small enough that a few of them fit any budget.
const SEGMENT: usize = 8 << 20;
/// Segments of small checkpoints; a multiple of every block and element size.
const SMALLEST_SEGMENT: usize = 256 << 10;
/// Segments that a checkpoint has at least, so that there is work for everybody.
const FEWEST_SEGMENTS: u64 = 16;
/// How many windows make a segment.
const WINDOW_PART: usize = 4;
/// Workers that nobody chose: more gained nothing on the disks that were measured.
const MOST_THREADS: usize = 12;

/// Bytes of a segment: it follows from the plan alone, so that another run of it finds the same segments.
pub fn segment_size(layout: &Layout) -> usize {
    let bytes: u64 = layout.files.iter().map(|file| file.bytes).sum();
    let part = usize::try_from(bytes / FEWEST_SEGMENTS).unwrap_or(SEGMENT);
    part.next_multiple_of(SMALLEST_SEGMENT).clamp(SMALLEST_SEGMENT, SEGMENT)
}

/// Bytes of a window of a worker, for segments of this size.
pub fn window_size(segment: usize) -> usize {
    segment / WINDOW_PART
}

/// Bytes of buffers of a worker that reads into so many windows in turns.
pub fn worker_memory(checked: &Checked, segment: usize, windows: usize) -> usize {
    let window = window_size(segment);
    segment + windows * window + low_rank::memory(checked, window)
}

/// Bytes of a run's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffers {
    /// In main memory; pinned where GPUs compute.
    pub host: usize,
    /// On the GPUs, all together.
    pub device: usize,
    /// GPUs that would compute.
    pub gpus: usize,
}

/// The buffers that a run of a layout takes.
pub fn buffers(
    checked: &Checked,
    layout: &Layout,
    threads: Option<usize>,
    memory: usize,
    gpus: usize,
) -> Buffers {
    let segment = segment_size(layout);
    let each = worker_memory(checked, segment, windows(gpus));
    let segments: u64 = layout.files.iter().map(|file| file.bytes.div_ceil(segment as u64)).sum();
    let count = self::threads(threads, memory, each).min(usize::try_from(segments).unwrap_or(usize::MAX));
    let workers = count.max(1);
    // A lane has room for one window and one tile.
    let lane = if gpus == 0 { 0 } else { segment + window_size(segment) };
    Buffers { host: workers * each, device: workers * lane, gpus }
}

/// Workers wait for the disk most of the time, so there are more of them than cores; the budget pays for each.
pub fn threads(chosen: Option<usize>, memory: usize, each: usize) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if !HAS_THREADS {
        return 1;
    }
    let wanted = chosen.unwrap_or((2 * cores).clamp(3, MOST_THREADS));
    wanted.min(memory / each)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check;
    use serde_json::json;

    #[test]
    fn gpus_take_another_window_of_the_host_and_room_of_their_own() {
        let plan = json!({
            "version": 2, "sources": [], "tensors": [], "objects": {}, "forms": [], "keys": [], "share": false,
            "files": [{"path": "__0_0.distcp", "rank": 0, "items": []}],
            "metadata": {"path": ".metadata", "checkpointId": "", "saveId": ""}, "archives": [],
        });
        let checked = check(serde_json::from_value(plan).unwrap()).unwrap();
        let layout = Layout::new(&checked).unwrap();
        let [cpu, gpu] = [0, 2].map(|gpus| buffers(&checked, &layout, Some(1), 1 << 30, gpus));
        let window = window_size(SMALLEST_SEGMENT);
        assert_eq!(cpu, Buffers { host: SMALLEST_SEGMENT + window, device: 0, gpus: 0 });
        assert_eq!(gpu.host, cpu.host + window);
        assert_eq!((gpu.device, gpu.gpus), (SMALLEST_SEGMENT + window, 2));
    }
}
