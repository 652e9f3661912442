//! The workers: each takes the next segment, fills its one buffer and writes it. Every buffer is allocated once.

use crate::Error;
use crate::archives::Archives;
use crate::backend::Backend;
use crate::board::CrcBoard;
use crate::budget::{segment_size, threads, window_size, worker_memory};
use crate::buffer::Buffer;
use crate::check::Checked;
use crate::fill::Filler;
use crate::journal::{Journal, Resumed, SegmentRecord};
use crate::layout::{FileLayout, Layout};
use crate::machine::HAS_THREADS;
use crate::plan::Item;
use crate::ready::{Split, split};
use crate::run::{Control, Options, Prepared, Progress};
use crate::segment::{Segment, Work};
use crate::share::{Run, Runs, Sharing};
use crate::writer::Writer;
use ckpt_safetensors::Source;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Payload bytes that one worker writes before anybody misses a look at its progress.
const AT_ONCE: u64 = 64 << 20;
const TICK: Duration = Duration::from_millis(100);
const MOMENT: Duration = Duration::from_micros(100);

/// What the workers did.
pub struct Done {
    pub bytes_read: u64,
    pub bytes_resumed: u64,
    pub threads: usize,
    pub memory: usize,
    pub bytes_shared: u64,
    pub direct_refused: bool,
    /// Sources that unfinished segments need.
    pub waiting: BTreeSet<usize>,
    pub direct_used: bool,
}

pub struct Workers<'a> {
    checked: &'a Checked,
    layout: &'a Layout,
    sources: &'a [Source],
    writers: &'a [Option<Writer>],
    segments: Vec<Segment>,
    segment: usize,
    threads: usize,
    board: CrcBoard,
    next: AtomicUsize,
    done: AtomicU64,
    total: u64,
    bytes_read: AtomicU64,
    direct_refused: AtomicBool,
    direct_used: AtomicBool,
    sharing: Option<Sharing>,
    sharing_refused: AtomicBool,
    bytes_shared: AtomicU64,
    backend: &'a dyn Backend,
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
    journal: Option<Journal>,
    bytes_resumed: u64,
    waiting: BTreeSet<usize>,
}

impl<'a> Workers<'a> {
    pub fn new(
        Prepared { checked, layout }: &'a Prepared,
        sources: &'a [Source],
        writers: &'a [Option<Writer>],
        options: &Options,
        journal: Option<Journal>,
        resumed: Resumed,
        backend: &'a dyn Backend,
    ) -> Self {
        let mine: Vec<(usize, &FileLayout)> =
            layout.files.iter().enumerate().filter(|(file, _)| writers[*file].is_some()).collect();
        let segment = segment_size(layout);
        let segments = mine.iter().flat_map(|&(file, layout)| {
            (0..layout.bytes).step_by(segment).map(move |begin| Segment {
                file,
                begin,
                length: (layout.bytes - begin).min(segment as u64) as usize,
            })
        });
        let segments: Vec<Segment> =
            segments.filter(|segment| !resumed.segments.contains(&(segment.file, segment.begin))).collect();
        let Split { now: segments, waiting } = match &options.ready {
            Some(ready) => split(segments, checked, layout, ready),
            None => Split { now: segments, waiting: BTreeSet::new() },
        };
        let board = CrcBoard::default();
        let bytes_resumed = resumed.records.iter().map(|record| record.payload).sum();
        for record in resumed.records {
            record.slices.into_iter().for_each(|slice| board.restore(record.file, slice));
        }
        Workers {
            checked,
            layout,
            sources,
            writers,
            threads: threads(
                options.threads,
                options.memory,
                worker_memory(checked, segment, backend.windows()),
            )
            .min(segments.len())
            .max(1),
            segments,
            segment,
            board,
            next: AtomicUsize::new(0),
            done: AtomicU64::new(bytes_resumed),
            total: mine.iter().map(|(_, file)| file.payload_bytes).sum(),
            bytes_read: AtomicU64::new(0),
            direct_refused: AtomicBool::new(false),
            direct_used: AtomicBool::new(false),
            sharing: options.sharing,
            sharing_refused: AtomicBool::new(false),
            bytes_shared: AtomicU64::new(0),
            backend,
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
            journal,
            bytes_resumed,
            waiting,
        }
    }

    /// Fills and writes all segments; the calling thread reports progress meanwhile.
    pub fn run(&self, control: &mut Control) -> Result<Done, Error> {
        let stop = control.stop;
        let watch = &mut || {
            (control.on_progress)(self.progress());
            if let Err(error) = self.flush(false) {
                self.fail(error);
            }
        };
        if HAS_THREADS && (self.threads > 1 || self.total > AT_ONCE) {
            self.run_threads(stop, watch);
        } else {
            self.run_here(stop, watch);
        }
        if let Some(failure) = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // What was finished before is kept for the next run; the failure itself is the one to tell.
            let _ = self.flush(true);
            return Err(match failure {
                Error::Interrupted { .. } => {
                    Error::Interrupted { done: self.done.load(Ordering::Relaxed), total: self.total }
                }
                error => error,
            });
        }
        Ok(Done {
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            bytes_resumed: self.bytes_resumed,
            threads: self.threads,
            memory: self.threads * worker_memory(self.checked, self.segment, self.backend.windows()),
            bytes_shared: self.bytes_shared.load(Ordering::Relaxed),
            direct_refused: self.direct_refused.load(Ordering::Relaxed),
            waiting: self.waiting.clone(),
            direct_used: self.direct_used.load(Ordering::Relaxed),
        })
    }

    /// Notes the last segments, once their files are on the disk.
    pub fn finish(&self) -> Result<(), Error> {
        self.journal.as_ref().map_or(Ok(()), Journal::finish)
    }

    /// One worker, on the calling thread: to start another one would take as long as the work.
    fn run_here(&self, stop: &AtomicBool, watch: &mut dyn FnMut()) {
        let mut watched = Instant::now();
        self.work(0, stop, &mut || {
            if watched.elapsed() >= TICK {
                watch();
                watched = Instant::now();
            }
        });
        watch();
    }

    /// Calls `watch` while the workers work.
    fn run_threads(&self, stop: &AtomicBool, watch: &mut dyn FnMut()) {
        let watcher = thread::current();
        let left = AtomicUsize::new(self.threads);
        thread::scope(|scope| {
            let left = &left;
            let work = |number| {
                let watcher = watcher.clone();
                move || {
                    let _guard = OnPanic(self);
                    self.work(number, stop, &mut || {});
                    left.fetch_sub(1, Ordering::SeqCst);
                    watcher.unpark();
                }
            };
            let workers: Vec<_> = (0..self.threads).map(|number| scope.spawn(work(number))).collect();
            while workers.iter().any(|worker| !worker.is_finished()) {
                // A worker that has woken this thread may take a moment more to end.
                thread::park_timeout(if left.load(Ordering::SeqCst) == 0 { MOMENT } else { TICK });
                watch();
            }
        });
    }

    fn flush(&self, now: bool) -> Result<(), Error> {
        match &self.journal {
            Some(journal) => journal.flush(self.writers.iter().flatten(), now),
            None => Ok(()),
        }
    }

    fn progress(&self) -> Progress {
        let at = self.next.load(Ordering::Relaxed).min(self.segments.len()).checked_sub(1);
        let key = at.and_then(|at| {
            let Segment { file, begin, .. } = self.segments[at];
            let first = self.layout.files[file].overlapping(begin, begin + 1).start;
            match self.checked.plan.files[file].items.get(first)? {
                Item::Tensor(item) => Some(self.checked.plan.keys[item.key].key.clone()),
                Item::Object(object) => Some(object.key.clone()),
            }
        });
        Progress { done: self.done.load(Ordering::Relaxed), total: self.total, key }
    }

    /// One worker, which calls `after` behind every segment.
    fn work(&self, number: usize, stop: &AtomicBool, after: &mut dyn FnMut()) {
        let window = window_size(self.segment);
        let lane = match self.backend.lane(number, window, self.segment) {
            Ok(lane) => lane,
            Err(error) => return self.fail(error),
        };
        let mut filler = Filler::new(self.checked, self.sources, window, self.backend.windows(), lane);
        filler.runs = self.sharing.map(|_| Runs::default());
        let mut archives = Archives::default();
        let mut buffer = filler.buffer(self.segment);
        let result = loop {
            let Some(segment) = self.segments.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                break Ok(());
            };
            if let Err(error) = self.write(segment, &mut filler, &mut archives, &mut buffer, stop) {
                break Err(error);
            }
            after();
        };
        self.bytes_read.fetch_add(filler.reader.bytes_read, Ordering::Relaxed);
        self.direct_refused.fetch_or(filler.reader.direct_refused, Ordering::Relaxed);
        self.direct_used.fetch_or(filler.reader.direct_used, Ordering::Relaxed);
        if let Err(error) = result {
            self.fail(error);
        }
    }

    /// The first error is the one to tell. The others follow from it, since nobody stops before it is noted.
    fn fail(&self, error: Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.give_up();
    }

    /// Makes everybody stop who works or waits.
    fn give_up(&self) {
        self.failed.store(true, Ordering::SeqCst);
        self.board.stop();
    }

    fn write(
        &self,
        segment: &Segment,
        filler: &mut Filler,
        archives: &mut Archives,
        buffer: &mut Buffer,
        stop: &AtomicBool,
    ) -> Result<(), Error> {
        let payload = AtomicU64::new(0);
        let progress = |bytes: usize| {
            payload.fetch_add(bytes as u64, Ordering::Relaxed);
            self.done.fetch_add(bytes as u64, Ordering::Relaxed);
            if stop.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed) {
                return Err(Error::Interrupted { done: 0, total: 0 });
            }
            Ok(())
        };
        progress(0)?;
        let work = Work {
            checked: self.checked,
            file: segment.file,
            layout: &self.layout.files[segment.file],
            board: &self.board,
            progress: &progress,
        };
        let slices = work.fill(filler, archives, segment.begin, &mut buffer.bytes_mut()[..segment.length])?;
        if let Some(writer) = &self.writers[segment.file] {
            let runs = filler.runs.as_mut().map(Runs::take).unwrap_or_default();
            self.place(writer, segment, buffer, &runs)?;
        }
        if let Some(journal) = &self.journal {
            let payload = payload.load(Ordering::Relaxed);
            journal.note(SegmentRecord { file: segment.file, begin: segment.begin, payload, slices });
        }
        Ok(())
    }
}

impl Workers<'_> {
    /// Shares what can be shared, and writes the rest.
    fn place(&self, writer: &Writer, segment: &Segment, buffer: &Buffer, runs: &[Run]) -> Result<(), Error> {
        let mut written = 0;
        for run in runs {
            if !self.share(writer, run) {
                continue;
            }
            let at = (run.at - segment.begin) as usize;
            if at > written {
                writer.write_at(buffer, written..at, segment.begin)?;
            }
            written = at + run.length as usize;
        }
        if written < segment.length {
            writer.write_at(buffer, written..segment.length, segment.begin)?;
        }
        Ok(())
    }

    fn share(&self, writer: &Writer, run: &Run) -> bool {
        let Some(how) = self.sharing.filter(|_| !self.sharing_refused.load(Ordering::Relaxed)) else {
            return false;
        };
        let shared = self.sources[run.source].file().is_some_and(|source| writer.share(how, source, *run));
        if shared {
            self.bytes_shared.fetch_add(run.length, Ordering::Relaxed);
        } else {
            self.sharing_refused.store(true, Ordering::Relaxed);
        }
        shared
    }
}

/// A worker that dies must not leave others waiting for its slices.
struct OnPanic<'a, 'b>(&'a Workers<'b>);

impl Drop for OnPanic<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.give_up();
        }
    }
}
