//! The run: workers take segments in order, fill and write them; every buffer is allocated once.

use crate::Error;
use crate::board::CrcBoard;
use crate::check::{Checked, check};
use crate::fill::Filler;
use crate::index::write_index;
use crate::journal::{Journal, Resumed, SegmentRecord};
use crate::layout::{FileLayout, Layout};
use crate::plan::Plan;
use crate::segment::Work;
use crate::writer::{Buffer, WriteMode, Writer};
use ckpt_safetensors::{ReadMode, Source};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Large enough for a disk to run at speed, small enough that a few of them fit any budget.
const SEGMENT: usize = 8 << 20;
const SCRATCH: usize = 2 << 20;
const TICK: Duration = Duration::from_millis(100);

pub struct Options {
    /// Existing directory that all paths of the plan are relative to.
    pub root: PathBuf,
    /// Only the files of this rank.
    pub rank: Option<u32>,
    pub threads: Option<usize>,
    /// Bytes for buffers.
    pub memory: usize,
    pub read_mode: ReadMode,
    pub write_mode: Option<WriteMode>,
    pub sync: bool,
    /// Where finished segments are noted, so that another run of the same plan goes on from there.
    pub journal: Option<JournalOptions>,
}

pub struct JournalOptions {
    /// Relative to the root.
    pub path: String,
    /// Identity of the plan.
    pub digest: String,
}

/// How the outside steers and watches a run.
pub struct Control<'a> {
    pub stop: &'a AtomicBool,
    /// Called about ten times a second from the calling thread.
    pub on_progress: &'a mut dyn FnMut(Progress),
}

pub struct Progress {
    pub done: u64,
    pub total: u64,
    pub key: Option<String>,
}

#[derive(Debug)]
pub struct Report {
    pub bytes_read: u64,
    pub bytes_written: u64,
    /// Payload bytes that an earlier run had finished.
    pub bytes_resumed: u64,
    pub seconds: f64,
    pub threads: usize,
    pub read_mode: ReadMode,
    pub write_mode: WriteMode,
    pub layout: Vec<(String, u64)>,
}

struct Segment {
    file: usize,
    begin: u64,
    length: usize,
}

/// Checks a plan and tells the files it makes, without reading or writing any.
pub fn lay_out(plan: Plan) -> Result<Layout, Error> {
    Layout::new(&check(plan)?)
}

/// Writes the files of a plan into `options.root`; `index` completes them.
pub fn execute(plan: Plan, options: &Options, control: &mut Control) -> Result<Report, Error> {
    let began = Instant::now();
    let checked = check(plan)?;
    let layout = Layout::new(&checked)?;
    let sources =
        checked.plan.sources.iter().map(|file| Source::open(&file.path, file.bytes, options.read_mode));
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    let mine = |rank: u32| options.rank.is_none_or(|only| only == rank);
    let journal = options
        .journal
        .as_ref()
        .map(|journal| Journal::open(&options.root.join(&journal.path), &journal.digest, SEGMENT));
    let (journal, mut resumed) = match journal.transpose()? {
        Some((journal, resumed)) => (Some(journal), resumed),
        None => (None, Resumed::default()),
    };
    let mut writers = Vec::with_capacity(layout.files.len());
    for (at, file) in layout.files.iter().enumerate() {
        writers.push(if mine(file.rank) { Some(open(options, at, file, &mut resumed)?) } else { None });
    }
    let run = Run::new(&checked, &layout, &sources, &writers, options, journal, resumed);
    run.work(control)?;
    for (writer, file) in writers.iter().zip(&layout.files) {
        if let Some(writer) = writer {
            writer.finish(file.bytes, options.sync)?;
        }
    }
    let bytes_written = layout.files.iter().filter(|file| mine(file.rank)).map(|file| file.bytes).sum();
    Ok(Report {
        bytes_read: run.bytes_read.load(Ordering::Relaxed),
        bytes_written,
        bytes_resumed: run.resumed_bytes,
        seconds: began.elapsed().as_secs_f64(),
        threads: run.threads,
        read_mode: options.read_mode,
        write_mode: writers.iter().flatten().next().map_or(WriteMode::Buffered, Writer::mode),
        layout: layout.files.iter().map(|file| (file.path.clone(), file.bytes)).collect(),
    })
}

/// Writes the archives and `.metadata` of a plan whose files are complete: the last step of a conversion.
pub fn index(plan: Plan, root: &Path, sync: bool) -> Result<u64, Error> {
    let checked = check(plan)?;
    let layout = Layout::new(&checked)?;
    write_index(root, &checked, &layout, sync)
}

/// Opens a target file, with what an earlier run has left in it when the journal knows of any.
fn open(options: &Options, at: usize, file: &FileLayout, resumed: &mut Resumed) -> Result<Writer, Error> {
    let path = options.root.join(&file.path);
    if resumed.segments.iter().any(|(number, _)| *number == at) {
        if let Some(writer) = Writer::reopen(&path, file.bytes, options.write_mode) {
            return Ok(writer);
        }
        // The journal outlived its file: what it says of it is void.
        resumed.segments.retain(|(number, _)| *number != at);
        resumed.records.retain(|record| record.file != at);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|source| Error::write(parent, source))?;
    }
    Writer::create(&path, file.bytes, options.write_mode)
}

struct Run<'a> {
    checked: &'a Checked,
    layout: &'a Layout,
    sources: &'a [Source],
    writers: &'a [Option<Writer>],
    segments: Vec<Segment>,
    threads: usize,
    board: CrcBoard,
    next: AtomicUsize,
    done: AtomicU64,
    total: u64,
    bytes_read: AtomicU64,
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
    journal: Option<Journal>,
    resumed_bytes: u64,
}

impl<'a> Run<'a> {
    fn new(
        checked: &'a Checked,
        layout: &'a Layout,
        sources: &'a [Source],
        writers: &'a [Option<Writer>],
        options: &Options,
        journal: Option<Journal>,
        resumed: Resumed,
    ) -> Self {
        let active = || layout.files.iter().enumerate().filter(|(file, _)| writers[*file].is_some());
        let segments: Vec<Segment> = active()
            .flat_map(|(file, layout)| {
                (0..layout.bytes).step_by(SEGMENT).map(move |begin| Segment {
                    file,
                    begin,
                    length: (layout.bytes - begin).min(SEGMENT as u64) as usize,
                })
            })
            .filter(|segment| !resumed.segments.contains(&(segment.file, segment.begin)))
            .collect();
        let board = CrcBoard::default();
        let resumed_bytes = resumed.records.iter().map(|record| record.payload).sum();
        for record in resumed.records {
            record.slices.into_iter().for_each(|slice| board.restore(record.file, slice));
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        // Workers wait for the disk most of the time, so there are more of them than cores.
        let wanted = options.threads.unwrap_or((2 * cores).clamp(3, 16));
        let affordable = (options.memory / (SEGMENT + SCRATCH)).max(1);
        Run {
            checked,
            layout,
            sources,
            writers,
            threads: wanted.min(affordable).min(segments.len().max(1)),
            segments,
            board,
            next: AtomicUsize::new(0),
            done: AtomicU64::new(resumed_bytes),
            total: active().map(|(_, layout)| layout.payload_bytes).sum(),
            bytes_read: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
            journal,
            resumed_bytes,
        }
    }

    fn work(&self, control: &mut Control) -> Result<(), Error> {
        let stop = control.stop;
        thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads).map(|_| scope.spawn(|| self.worker(stop))).collect();
            while workers.iter().any(|worker| !worker.is_finished()) {
                thread::park_timeout(TICK);
                (control.on_progress)(self.progress());
                if let Err(error) = self.flush(false) {
                    self.fail(error);
                }
            }
        });
        // What was finished before a failure is kept for the next run; the failure itself is the one to tell.
        let flushed = self.flush(true);
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(Error::Interrupted { .. }) => {
                Err(Error::Interrupted { done: self.done.load(Ordering::Relaxed), total: self.total })
            }
            Some(error) => Err(error),
            None => flushed,
        }
    }

    fn flush(&self, now: bool) -> Result<(), Error> {
        match &self.journal {
            Some(journal) => journal.flush(self.writers.iter().flatten(), now),
            None => Ok(()),
        }
    }

    /// The first error is the one to tell. The others follow from it, since nobody stops before it is noted.
    fn fail(&self, error: Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.failed.store(true, Ordering::SeqCst);
        self.board.stop();
    }

    fn progress(&self) -> Progress {
        let at = self.next.load(Ordering::Relaxed).min(self.segments.len()).checked_sub(1);
        let key = at.and_then(|at| {
            let segment = &self.segments[at];
            let items = &self.layout.files[segment.file].items;
            let first = items.partition_point(|placed| placed.end() <= segment.begin);
            match self.checked.plan.files[segment.file].items.get(first)? {
                crate::plan::Item::Tensor(item) => Some(self.checked.plan.keys[item.key].key.clone()),
                crate::plan::Item::Object(object) => Some(object.key.clone()),
            }
        });
        Progress { done: self.done.load(Ordering::Relaxed), total: self.total, key }
    }

    fn worker(&self, stop: &AtomicBool) {
        let mut filler = Filler::new(self.checked, self.sources, SCRATCH);
        let mut buffer = Buffer::new(SEGMENT);
        let result = loop {
            let Some(segment) = self.segments.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                break Ok(());
            };
            if let Err(error) = self.write(segment, &mut filler, &mut buffer, stop) {
                break Err(error);
            }
        };
        self.bytes_read.fetch_add(filler.bytes_read, Ordering::Relaxed);
        if let Err(error) = result {
            self.fail(error);
        }
    }

    fn write(
        &self,
        segment: &Segment,
        filler: &mut Filler,
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
        let work = Work {
            checked: self.checked,
            file: segment.file,
            layout: &self.layout.files[segment.file],
            board: &self.board,
            progress: &progress,
        };
        let slices = work.fill(filler, segment.begin, &mut buffer.bytes_mut()[..segment.length])?;
        if let Some(writer) = &self.writers[segment.file] {
            writer.write_at(buffer, segment.length, segment.begin)?;
        }
        if let Some(journal) = &self.journal {
            let payload = payload.load(Ordering::Relaxed);
            journal.note(SegmentRecord { file: segment.file, begin: segment.begin, payload, slices });
        }
        Ok(())
    }
}
