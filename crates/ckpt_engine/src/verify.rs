//! Whether a checkpoint is what it should be: whole in itself, and equal to what a plan makes of its source.

use crate::Error;
use crate::checkpoint::Checkpoint;
use crate::fill::Filler;
use crate::layout::{Placed, item_archive};
use crate::machine::HAS_THREADS;
use crate::plan::{Item, Plan, TensorItem};
use crate::run::Prepared;
use ckpt_safetensors::{ReadMode, Source};
use ckpt_torch_dist::{Globals, ItemHeader, ReadAt, StorageEntry, load_object};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

pub(crate) const TILE: usize = 1 << 20;
/// An object of a checkpoint holds no weights.
const MAX_OBJECT: u64 = 64 << 20;

/// A sample, a whole number of elements of every dtype.
const SAMPLE: u64 = 64 << 10;

/// How much of every tensor is derived again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// All of it, and all bytes around it.
    Full,
    /// Both ends and a place between them.
    Sampled,
}

/// What was looked at, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Findings {
    pub tensors: usize,
    pub objects: usize,
    pub items: usize,
    /// Payload bytes that were read.
    pub bytes: u64,
    /// One sentence each; empty when all is well.
    pub faults: Vec<String>,
}

/// Structural: every item is there with the shape and dtype that the index says, chunks cover their tensors exactly
/// once, and with `payloads` every payload has the CRC that was noted when it was written.
pub fn verify_structure(
    checkpoint: &Checkpoint,
    payloads: bool,
    threads: usize,
    stop: &AtomicBool,
) -> Result<Findings, Error> {
    let storage = &checkpoint.metadata.storage;
    let findings = Mutex::new(Findings {
        tensors: checkpoint.keys().len(),
        objects: checkpoint.metadata.bytes.len(),
        items: storage.len(),
        ..Findings::default()
    });
    let bytes = AtomicU64::new(0);
    // Thousands of modules share the same few objects.
    let seen = Mutex::new(HashSet::new());
    let fault = |what: String| findings.lock().unwrap_or_else(PoisonError::into_inner).faults.push(what);
    each(storage.len(), threads, stop, |at, buffer| {
        let entry = &storage[at];
        let path = checkpoint.dir().join(&entry.relative_path);
        let io = |source| Error::from(ckpt_safetensors::Error::Io { path: path.clone(), source });
        let file = checkpoint.file(&entry.relative_path).map_err(io)?;
        match &checkpoint.headers[at] {
            Some(_) if !payloads => {}
            Some(header) => {
                let mut crc = crc32fast::Hasher::new();
                let mut done = 0;
                while done < header.payload_len {
                    let length = (header.payload_len - done).min(TILE as u64) as usize;
                    file.read_exact_at(&mut buffer[..length], header.payload_position + done).map_err(io)?;
                    crc.update(&buffer[..length]);
                    done += length as u64;
                }
                bytes.fetch_add(done, Ordering::Relaxed);
                if crc.finalize() != header.payload_crc {
                    let place =
                        entry.offset.as_ref().map_or(String::new(), |offset| format!(" at {offset:?}"));
                    fault(format!("{}{place}: the payload's CRC differs", entry.key));
                }
            }
            None if entry.length > MAX_OBJECT => {
                fault(format!("{}: {} bytes of object", entry.key, entry.length))
            }
            None => {
                let mut object = vec![0; entry.length as usize];
                file.read_exact_at(&mut object, entry.position).map_err(io)?;
                let known = seen.lock().unwrap_or_else(PoisonError::into_inner).contains(&object);
                if !known {
                    match load_object(&object, Globals::Opaque) {
                        Ok(_) => remember(&seen, object),
                        Err(error) => fault(format!("{}: {error}", entry.key)),
                    }
                }
            }
        }
        Ok(())
    })?;
    finish(findings, bytes)
}

/// Elements are derived from the source again, by the plan, and compared with what is stored. Where the checkpoint has
/// the plan's own layout, so are all bytes of the data files: `Full` leaves no bit of them unseen.
pub fn verify_against(
    checkpoint: &Checkpoint,
    prepared: &Prepared,
    depth: Depth,
    threads: usize,
    stop: &AtomicBool,
) -> Result<Findings, Error> {
    let Prepared { checked, layout } = prepared;
    let open = |file: &crate::plan::SourceFile| Source::open(&file.path, file.bytes, ReadMode::Pread);
    let sources = checked.plan.sources.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let stored: HashMap<(&str, Option<&[u64]>), usize> = checkpoint
        .metadata
        .storage
        .iter()
        .enumerate()
        .map(|(at, entry)| ((entry.key.as_str(), entry.offset.as_deref()), at))
        .collect();
    let files = checked.plan.files.iter().zip(&layout.files);
    let items: Vec<(&Item, &Placed, &str)> = files
        .flat_map(|(file, places)| {
            let name = file.path.rsplit('/').next().unwrap_or(&file.path);
            file.items.iter().zip(&places.items).map(move |(item, placed)| (item, placed, name))
        })
        .collect();
    let mut findings =
        Findings { tensors: checked.plan.keys.len(), items: items.len(), ..Findings::default() };
    findings.faults.extend(unplanned(checkpoint, &checked.plan));
    findings.objects = items.iter().filter(|(item, ..)| matches!(item, Item::Object(_))).count();
    let findings = Mutex::new(findings);
    let bytes = AtomicU64::new(0);
    let fault = |what: String| findings.lock().unwrap_or_else(PoisonError::into_inner).faults.push(what);
    each(items.len(), threads, stop, |at, buffer| {
        let (item, placed, file_name) = items[at];
        let (key, offsets) = match item {
            Item::Tensor(item) => (&checked.plan.keys[item.key].key, Some(item.offsets.as_slice())),
            Item::Object(object) => (&object.key, None),
        };
        let Some(&place) = stored.get(&(key.as_str(), offsets)) else {
            fault(match offsets.filter(|_| checkpoint.find(key).is_some()) {
                Some(offsets) => format!("{key} has no chunk at {offsets:?}"),
                None => format!("{key} is missing"),
            });
            return Ok(());
        };
        let entry = &checkpoint.metadata.storage[place];
        let path = checkpoint.dir().join(&entry.relative_path);
        let io = |source| Error::from(ckpt_safetensors::Error::Io { path: path.clone(), source });
        let file = checkpoint.file(&entry.relative_path).map_err(io)?;
        let own = Own::new(file, entry, placed, file_name);
        match item {
            Item::Object(object) => {
                let same = own.is_some_and(|own| own.holds(placed.start, &checked.objects[&object.object]));
                if !same && (own.is_some() || !loads(file, entry).map_err(io)?) {
                    fault(format!("{key}: the stored object differs"));
                }
            }
            Item::Tensor(item) => {
                if let Some(what) = misfit(checkpoint, prepared, item) {
                    fault(what);
                    return Ok(());
                }
                let Some(header) = checkpoint.headers[place]
                    .as_ref()
                    .filter(|header| header.is_contiguous() && header.shape == checked.sizes(item))
                else {
                    fault(format!("{key} has another chunk at {:?}", item.offsets));
                    return Ok(());
                };
                let mut filler = Filler::on_cpu(checked, &sources, TILE);
                let size = checked.key_dtypes[item.key].1.size();
                let (want, found) = buffer.split_at_mut(TILE);
                let mut crc = crc32fast::Hasher::new();
                for range in tiles(header.payload_len, depth, at) {
                    let length = (range.end - range.start) as usize;
                    filler.fill(item, range.start / size, &mut want[..length])?;
                    file.read_exact_at(&mut found[..length], header.payload_position + range.start)
                        .map_err(io)?;
                    bytes.fetch_add(length as u64, Ordering::Relaxed);
                    if let Some(byte) = (0..length).find(|&i| want[i] != found[i]) {
                        let element = (range.start + byte as u64) / size;
                        fault(format!("{key} at {:?}: element {element} of the chunk differs", item.offsets));
                        return Ok(());
                    }
                    crc.update(&want[..length]);
                }
                let crc = (depth == Depth::Full).then(|| crc.finalize());
                if !frame_is_right(prepared, item, placed, own, header, crc)? {
                    fault(format!("{key} at {:?}: the bytes around the chunk differ", item.offsets));
                }
            }
        }
        Ok(())
    })?;
    finish(findings, bytes)
}

/// An item that is stored where the plan puts it: its bytes follow from the plan.
#[derive(Clone, Copy)]
struct Own<'a>(&'a File);

impl<'a> Own<'a> {
    fn new(file: &'a File, entry: &StorageEntry, placed: &Placed, name: &str) -> Option<Self> {
        let (position, length) = (entry.position, entry.length);
        let same = position == placed.start && length == placed.len() && entry.relative_path == name;
        same.then_some(Own(file))
    }

    fn holds(self, position: u64, bytes: &[u8]) -> bool {
        let mut found = vec![0; bytes.len()];
        self.0.read_exact_at(&mut found, position).is_ok() && found == bytes
    }
}

/// Whether what surrounds a payload is as it was written: byte for byte in the plan's own layout, else its noted CRC.
fn frame_is_right(
    prepared: &Prepared,
    item: &TensorItem,
    placed: &Placed,
    own: Option<Own>,
    header: &ItemHeader,
    crc: Option<u32>,
) -> Result<bool, Error> {
    let Some(own) = own else { return Ok(crc.is_none_or(|crc| crc == header.payload_crc)) };
    let archive = item_archive(&prepared.checked, item, placed.start)?;
    let trailer = |crc| own.holds(placed.trailer_at(), &archive.trailer(crc));
    Ok(own.holds(placed.start, archive.prefix()) && crc.is_none_or(trailer))
}

/// What is wrong with the dtype or the shape of a tensor.
fn misfit(checkpoint: &Checkpoint, prepared: &Prepared, item: &TensorItem) -> Option<String> {
    let key = &prepared.checked.plan.keys[item.key];
    let Some(number) = checkpoint.find(&key.key) else { return Some(format!("{} is missing", key.key)) };
    let found = &checkpoint.keys()[number];
    let same =
        checkpoint.dtype(number) == prepared.checked.key_dtypes[item.key].0 && found.shape == key.shape;
    (!same).then(|| {
        let (name, expected) = (&key.key, &key.shape);
        format!("{name} is {} {:?}, the plan says {} {expected:?}", found.dtype, found.shape, key.dtype)
    })
}

fn loads(file: &File, entry: &StorageEntry) -> io::Result<bool> {
    let mut object = vec![0; entry.length.min(MAX_OBJECT) as usize];
    file.read_exact_at(&mut object, entry.position)?;
    Ok(load_object(&object, Globals::Opaque).is_ok())
}

/// The parts of a payload that are derived again; the middle one of a sample follows from the item's number.
fn tiles(length: u64, depth: Depth, item: usize) -> Vec<Range<u64>> {
    if depth == Depth::Full || length <= 3 * SAMPLE {
        return (0..length).step_by(TILE).map(|at| at..length.min(at + TILE as u64)).collect();
    }
    let last = length - SAMPLE;
    let between = (item as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) % (last / SAMPLE) * SAMPLE;
    [0, between, last].map(|at| at..at + SAMPLE).to_vec()
}

/// Keeps a few objects that were found sound.
fn remember(seen: &Mutex<HashSet<Vec<u8>>>, object: Vec<u8>) {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.len() < 64 {
        seen.insert(object);
    }
}

/// Keys that the checkpoint has and the plan does not.
fn unplanned<'a>(checkpoint: &'a Checkpoint, plan: &Plan) -> impl Iterator<Item = String> + use<'a> {
    let keys = plan.keys.iter().map(|key| key.key.clone());
    let objects = plan.files.iter().flat_map(|file| &file.items).filter_map(|item| match item {
        Item::Object(object) => Some(object.key.clone()),
        Item::Tensor(_) => None,
    });
    let planned: HashSet<String> = keys.chain(objects).collect();
    let stored = checkpoint.keys().iter().map(|key| &key.key).chain(&checkpoint.metadata.bytes);
    stored.filter(move |key| !planned.contains(*key)).map(|key| format!("{key} is not in the plan"))
}

pub(crate) fn finish(findings: Mutex<Findings>, bytes: AtomicU64) -> Result<Findings, Error> {
    let mut findings = findings.into_inner().unwrap_or_else(PoisonError::into_inner);
    findings.bytes = bytes.into_inner();
    findings.faults.sort();
    Ok(findings)
}

/// Runs `work` for every number below `count`, on several threads with a buffer of two tiles each.
pub(crate) fn each(
    count: usize,
    threads: usize,
    stop: &AtomicBool,
    work: impl Fn(usize, &mut [u8]) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let one = || {
        let mut buffer = vec![0; 2 * TILE];
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let failure_seen = || failure.lock().unwrap_or_else(PoisonError::into_inner).is_some();
            if at >= count || failure_seen() {
                return;
            }
            let result = if stop.load(Ordering::Relaxed) {
                Err(Error::Interrupted { done: at as u64, total: count as u64 })
            } else {
                work(at, &mut buffer)
            };
            if let Err(error) = result {
                failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        }
    };
    if HAS_THREADS {
        thread::scope(|scope| {
            for _ in 0..threads.clamp(1, count.max(1)) {
                scope.spawn(one);
            }
        });
    } else {
        one();
    }
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}
