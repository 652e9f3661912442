//! A run from a plan to finished files: check, lay out, open everything, work, finish, index.

use crate::Error;
use crate::budget::{Buffers, buffers, segment_size};
use crate::check::{Checked, check};
use crate::disk::{Disk, SystemDisk, WriteMode, create_folders};
use crate::gpu::{Choice, Compute, Gpus};
use crate::index::write_index;
use crate::journal::{Journal, Resumed};
use crate::layout::{FileLayout, Layout};
use crate::plan::{Plan, SourceFile};
use crate::ready::AbsentFile;
use crate::share::Sharing;
use crate::workers::{Done, Workers};
use crate::writer::Writer;
use ckpt_safetensors::{ReadMode, Source};
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

pub struct Options {
    /// Existing directory that all paths of the plan are relative to.
    pub root: PathBuf,
    /// Only the files of this rank.
    pub rank: Option<u32>,
    /// Workers; `None` for what the machine and the budget allow.
    pub threads: Option<usize>,
    /// Bytes for buffers.
    pub memory: usize,
    pub read_mode: ReadMode,
    /// `None` for the fastest that the filesystem allows.
    pub write_mode: Option<WriteMode>,
    /// How unchanged blocks are taken over from the source; of use in plans that place payloads for it.
    pub sharing: Option<Sharing>,
    /// What computes where elements change.
    pub compute: Compute,
    /// Wait until everything is on the disk.
    pub sync: bool,
    /// Where finished segments are noted, so that another run of the same plan goes on from there.
    pub journal: Option<JournalOptions>,
    /// Numbers of the sources that can be read now: only what needs no others is written, and another run with the
    /// same journal goes on from there. `None` for all.
    pub ready: Option<HashSet<usize>>,
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

/// Payload bytes done and planned, and the key of an item that is being written.
pub struct Progress {
    pub done: u64,
    pub total: u64,
    pub key: Option<String>,
}

#[derive(Debug)]
pub struct Report {
    pub items: usize,
    pub payload_bytes: u64,
    pub bytes_read: u64,
    pub bytes_written: u64,
    /// What of them was taken over from the source by the filesystem.
    pub bytes_shared: u64,
    /// Payload bytes that an earlier run had finished.
    pub bytes_resumed: u64,
    pub seconds: f64,
    pub threads: usize,
    /// Bytes of buffers that were in use.
    pub memory: usize,
    /// What computed: `cpu`, or the names of GPUs.
    pub compute: String,
    /// Why the CPU did although it was not asked to.
    pub compute_reason: Option<String>,
    /// What was used: one of the modes, or `pread+direct`.
    pub read_mode: &'static str,
    pub write_mode: WriteMode,
    /// Numbers of the sources that are needed for what is not written yet; empty when the files are complete.
    pub waiting: Vec<usize>,
    /// Files of this run with their lengths.
    pub files: Vec<(String, u64)>,
}

/// A plan whose claims hold, with the place of every item: checked once, executed, indexed and verified with.
pub struct Prepared {
    pub(crate) checked: Checked,
    pub(crate) layout: Layout,
}

impl Prepared {
    /// Checks a plan and lays its files out, without reading or writing any. Errors: `Plan`.
    pub fn new(plan: Plan) -> Result<Self, Error> {
        let checked = check(plan)?;
        let layout = Layout::new(&checked)?;
        Ok(Prepared { checked, layout })
    }

    /// The buffers that an execution with these options takes. Errors: `Gpu` when a GPU was asked for that is not there.
    pub fn buffers(
        &self,
        compute: &Compute,
        threads: Option<usize>,
        memory: usize,
    ) -> Result<Buffers, Error> {
        let gpus = Choice::of(compute, self, None)?.gpus();
        Ok(buffers(&self.checked, &self.layout, threads, memory, gpus))
    }

    /// The files that the plan makes.
    pub fn files(&self) -> &[FileLayout] {
        &self.layout.files
    }
}

/// Writes the files of a plan into `options.root`; `index` completes them.
///
/// Errors: `Source`, `Write` and `Interrupted` may leave incomplete files behind.
pub fn execute(prepared: &Prepared, options: &Options, control: &mut Control) -> Result<Report, Error> {
    execute_on(&SystemDisk, prepared, options, control)
}

/// As `execute`, with the file calls of `disk`.
pub fn execute_on(
    disk: &dyn Disk,
    prepared: &Prepared,
    options: &Options,
    control: &mut Control,
) -> Result<Report, Error> {
    let began = Instant::now();
    let Prepared { checked, layout } = prepared;
    let gpus = Gpus::open(&options.compute, prepared, options.rank)?;
    let sources = open_sources(disk, checked, options)?;
    let journal = options.journal.as_ref().map(|journal| {
        Journal::open(&options.root.join(&journal.path), &journal.digest, segment_size(layout))
    });
    let (journal, mut resumed) = match journal.transpose()? {
        Some((journal, resumed)) => (Some(journal), resumed),
        None => (None, Resumed::default()),
    };
    forget_lost_files(disk, layout, options, journal.as_ref(), &mut resumed)?;
    let writers = open_targets(disk, layout, options, &resumed)?;
    let mine =
        || layout.files.iter().zip(&writers).filter_map(|(file, writer)| Some((file, writer.as_ref()?)));

    let workers = Workers::new(prepared, &sources, &writers, options, journal, resumed, &gpus);
    let work = workers.run(control)?;
    for source in &sources {
        source.check_unchanged()?;
    }
    for (file, writer) in mine() {
        writer.finish(file.bytes, options.sync)?;
    }
    workers.finish()?;
    let files: Vec<(String, u64)> = mine().map(|(file, _)| (file.path.clone(), file.bytes)).collect();
    if options.sync {
        sync_folders(disk, &options.root, files.iter().map(|(path, _)| path.as_str()))?;
    }
    Ok(Report {
        items: mine().map(|(file, _)| file.items.len()).sum(),
        payload_bytes: mine().map(|(file, _)| file.payload_bytes).sum(),
        bytes_read: work.bytes_read,
        bytes_written: files.iter().map(|(_, bytes)| bytes).sum(),
        bytes_resumed: work.bytes_resumed,
        seconds: began.elapsed().as_secs_f64(),
        threads: work.threads,
        memory: work.memory,
        compute: gpus.name(),
        compute_reason: gpus.reason.clone(),
        bytes_shared: work.bytes_shared,
        read_mode: read_mode(options.read_mode, &work),
        write_mode: mine().next().map_or(WriteMode::Buffered, |(_, writer)| writer.mode()),
        waiting: work.waiting.into_iter().collect(),
        files,
    })
}

/// The name of what was used.
fn read_mode(asked: ReadMode, work: &Done) -> &'static str {
    match asked {
        ReadMode::Direct if work.direct_refused => ReadMode::Pread.name(),
        ReadMode::Auto if work.direct_used => "pread+direct",
        ReadMode::Auto => ReadMode::Pread.name(),
        mode => mode.name(),
    }
}

/// Writes the archives and `.metadata` of a plan whose files are complete: the last step of a conversion. Returns the
/// bytes written.
pub fn index(prepared: &Prepared, root: &Path, sync: bool) -> Result<u64, Error> {
    index_on(&SystemDisk, prepared, root, sync)
}

/// As `index`, with the file calls of `disk`.
pub fn index_on(disk: &dyn Disk, prepared: &Prepared, root: &Path, sync: bool) -> Result<u64, Error> {
    let files = write_index(disk, root, sync, &prepared.checked, &prepared.layout)?;
    if sync {
        sync_folders(disk, root, files.iter().map(|(path, _)| path.as_str()))?;
    }
    Ok(files.iter().map(|(_, bytes)| bytes).sum())
}

fn open_sources(disk: &dyn Disk, checked: &Checked, options: &Options) -> Result<Vec<Source>, Error> {
    let open = |(number, file): (usize, &SourceFile)| {
        let SourceFile { path, bytes } = file;
        let failed = |source| ckpt_safetensors::Error::Io { path: path.clone(), source };
        let file = match &options.ready {
            Some(ready) if !ready.contains(&number) => Box::new(AbsentFile { bytes: *bytes }),
            _ => disk.open(path).map_err(failed)?,
        };
        Ok(Source::new(path, *bytes, options.read_mode, file)?)
    };
    checked.plan.sources.iter().enumerate().map(open).collect()
}

/// Makes the journal void for files that are not there at their length any more. It must forget them before they are
/// made anew: a run that is killed while it fills them would leave a file that the old lines call finished.
fn forget_lost_files(
    disk: &dyn Disk,
    layout: &Layout,
    options: &Options,
    journal: Option<&Journal>,
    resumed: &mut Resumed,
) -> Result<(), Error> {
    let known: BTreeSet<usize> = resumed.segments.iter().map(|(file, _)| *file).collect();
    let there = |at: &usize| {
        let file = layout.files.get(*at);
        file.is_some_and(|file| {
            Writer::reopen(disk, &options.root.join(&file.path), file.bytes, options.write_mode).is_some()
        })
    };
    let lost: BTreeSet<usize> = known.into_iter().filter(|at| !there(at)).collect();
    let Some(journal) = journal.filter(|_| !lost.is_empty()) else { return Ok(()) };
    resumed.segments.retain(|(file, _)| !lost.contains(file));
    resumed.records.retain(|record| !lost.contains(&record.file));
    journal.rewrite(&resumed.records)
}

/// One writer for each file of the plan; `None` for those of other ranks.
fn open_targets(
    disk: &dyn Disk,
    layout: &Layout,
    options: &Options,
    resumed: &Resumed,
) -> Result<Vec<Option<Writer>>, Error> {
    let mine = |rank: u32| options.rank.is_none_or(|only| only == rank);
    let open = |(at, file): (usize, &FileLayout)| {
        mine(file.rank).then(|| open_target(disk, options, at, file, resumed)).transpose()
    };
    layout.files.iter().enumerate().map(open).collect()
}

/// Opens a target file, with what an earlier run has left in it when the journal knows of any.
fn open_target(
    disk: &dyn Disk,
    options: &Options,
    at: usize,
    file: &FileLayout,
    resumed: &Resumed,
) -> Result<Writer, Error> {
    let path = options.root.join(&file.path);
    if resumed.segments.iter().any(|(number, _)| *number == at) {
        return Writer::reopen(disk, &path, file.bytes, options.write_mode)
            .ok_or_else(|| Error::write(&path, std::io::ErrorKind::NotFound));
    }
    create_folders(disk, &options.root, &file.path)?;
    Writer::create(disk, &path, file.bytes, options.write_mode)
}

/// Makes the names of files and of the folders around them last.
fn sync_folders<'p>(disk: &dyn Disk, root: &Path, paths: impl Iterator<Item = &'p str>) -> Result<(), Error> {
    let folders: BTreeSet<&Path> = paths.flat_map(|path| Path::new(path).ancestors().skip(1)).collect();
    for folder in folders.iter().rev().map(|folder| root.join(folder)) {
        disk.sync_folder(&folder).map_err(|source| Error::write(&folder, source))?;
    }
    Ok(())
}
