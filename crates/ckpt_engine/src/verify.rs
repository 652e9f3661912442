//! Whether a checkpoint is what it should be: whole in itself, and equal to what a plan makes of its source.

use crate::Error;
use crate::checkpoint::Checkpoint;
use crate::fill::Filler;
use crate::plan::{Item, Plan};
use crate::run::Prepared;
use ckpt_safetensors::{ReadMode, Source};
use ckpt_torch_dist::{Globals, load_object};
use std::collections::{HashMap, HashSet};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

pub(crate) const TILE: usize = 1 << 20;
/// An object of a checkpoint holds no weights.
const MAX_OBJECT: u64 = 64 << 20;

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
                    fault(format!("{} at {:?}: the payload's CRC differs", entry.key, entry.offset));
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

/// Full: every element is derived from the source again, by the plan, and compared with what is stored.
pub fn verify_against(
    checkpoint: &Checkpoint,
    prepared: &Prepared,
    threads: usize,
    stop: &AtomicBool,
) -> Result<Findings, Error> {
    let checked = &prepared.checked;
    let open = |file: &crate::plan::SourceFile| Source::open(&file.path, file.bytes, ReadMode::Pread);
    let sources = checked.plan.sources.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let stored: HashMap<(&str, Option<&[u64]>), usize> = checkpoint
        .metadata
        .storage
        .iter()
        .enumerate()
        .map(|(at, entry)| ((entry.key.as_str(), entry.offset.as_deref()), at))
        .collect();
    let items: Vec<&Item> = checked.plan.files.iter().flat_map(|file| &file.items).collect();
    let mut findings =
        Findings { tensors: checked.plan.keys.len(), items: items.len(), ..Findings::default() };
    findings.faults.extend(unplanned(checkpoint, &checked.plan));
    findings.objects = items.iter().filter(|item| matches!(item, Item::Object(_))).count();
    let findings = Mutex::new(findings);
    let bytes = AtomicU64::new(0);
    let fault = |what: String| findings.lock().unwrap_or_else(PoisonError::into_inner).faults.push(what);
    each(items.len(), threads, stop, |at, buffer| {
        let item = match items[at] {
            Item::Tensor(item) => item,
            Item::Object(object) => {
                if !stored.contains_key(&(object.key.as_str(), None)) {
                    fault(format!("{} is missing", object.key));
                }
                return Ok(());
            }
        };
        let key = &checked.plan.keys[item.key];
        let Some(number) = checkpoint.find(&key.key) else {
            fault(format!("{} is missing", key.key));
            return Ok(());
        };
        let (dtype, size) = (checked.key_dtypes[item.key].0, checked.key_dtypes[item.key].1.size());
        if checkpoint.dtype(number) != dtype || checkpoint.keys()[number].shape != key.shape {
            fault(format!(
                "{} is {} {:?}, the plan says {} {:?}",
                key.key,
                checkpoint.keys()[number].dtype,
                checkpoint.keys()[number].shape,
                key.dtype,
                key.shape
            ));
            return Ok(());
        }
        let Some(&place) = stored.get(&(key.key.as_str(), Some(item.offsets.as_slice()))) else {
            fault(format!("{} has no chunk at {:?}", key.key, item.offsets));
            return Ok(());
        };
        let entry = &checkpoint.metadata.storage[place];
        let Some(header) = checkpoint.headers[place]
            .as_ref()
            .filter(|header| header.is_contiguous() && header.shape == checked.sizes(item))
        else {
            fault(format!("{} has another chunk at {:?}", key.key, item.offsets));
            return Ok(());
        };
        let path = checkpoint.dir().join(&entry.relative_path);
        let io = |source| Error::from(ckpt_safetensors::Error::Io { path: path.clone(), source });
        let file = checkpoint.file(&entry.relative_path).map_err(io)?;
        let mut filler = Filler::on_cpu(checked, &sources, TILE);
        let (want, found) = buffer.split_at_mut(TILE);
        let mut done = 0;
        while done < header.payload_len {
            let length = (header.payload_len - done).min(TILE as u64) as usize;
            filler.fill(item, done / size, &mut want[..length])?;
            file.read_exact_at(&mut found[..length], header.payload_position + done).map_err(io)?;
            if let Some(byte) = (0..length).find(|&i| want[i] != found[i]) {
                let element = (done + byte as u64) / size;
                fault(format!("{} at {:?}: element {element} of the chunk differs", key.key, item.offsets));
                break;
            }
            done += length as u64;
        }
        bytes.fetch_add(done, Ordering::Relaxed);
        Ok(())
    })?;
    finish(findings, bytes)
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
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, count.max(1)) {
            scope.spawn(|| {
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
            });
        }
    });
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}
