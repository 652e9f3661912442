//! Whether safetensors files are what a plan says: headers and lengths, and every element where asked.

use crate::Error;
use crate::fill::Filler;
use crate::layout::{FileLayout, Placed};
use crate::plan::{Container, Item, SourceFile, TensorItem};
use crate::run::Prepared;
use crate::verify::{Findings, TILE, each, finish};
use ckpt_safetensors::{ReadMode, Source};
use ckpt_torch_dist::ReadAt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Checks the files of a safetensors plan under `root`: each has its header and length, and with `payloads` every
/// element is derived from the source again and compared.
pub fn verify_files(
    prepared: &Prepared,
    root: &Path,
    payloads: bool,
    threads: usize,
    stop: &AtomicBool,
) -> Result<Findings, Error> {
    let Prepared { checked, layout } = prepared;
    if checked.plan.container != Container::Safetensors {
        return Err(Error::Plan("its files are not safetensors files".into()));
    }
    let mut findings = Findings { tensors: checked.plan.keys.len(), ..Findings::default() };
    let mut sound = Vec::new();
    for (file, places) in checked.plan.files.iter().zip(&layout.files) {
        findings.items += file.items.len();
        match open(root, places)? {
            Ok(open) => {
                let tensors = file.items.iter().zip(&places.items).filter_map(|(item, placed)| match item {
                    Item::Tensor(item) => Some((item, placed)),
                    Item::Object(_) => None,
                });
                sound.push((places, open, tensors.collect::<Vec<_>>()));
            }
            Err(fault) => findings.faults.push(fault),
        }
    }
    let findings = Mutex::new(findings);
    let bytes = AtomicU64::new(0);
    if payloads {
        let from = |file: &SourceFile| Source::open(&file.path, file.bytes, ReadMode::Pread);
        let sources = checked.plan.sources.iter().map(from).collect::<Result<Vec<_>, _>>()?;
        let work: Vec<(&FileLayout, &File, &TensorItem, &Placed)> = sound
            .iter()
            .flat_map(|(places, file, tensors)| {
                tensors.iter().map(move |&(item, placed)| (*places, file, item, placed))
            })
            .collect();
        each(work.len(), threads, stop, |at, buffer| {
            let (places, file, item, placed) = work[at];
            let key = &checked.plan.keys[item.key];
            let size = checked.key_dtypes[item.key].1.size();
            let failed = |source| read_failed(&root.join(&places.path), source);
            let mut filler = Filler::on_cpu(checked, &sources, TILE);
            let (want, found) = buffer.split_at_mut(TILE);
            let mut done = 0;
            while done < placed.payload {
                let length = (placed.payload - done).min(TILE as u64) as usize;
                filler.fill(item, done / size, &mut want[..length])?;
                file.read_exact_at(&mut found[..length], placed.start + done).map_err(failed)?;
                if let Some(byte) = (0..length).find(|&i| want[i] != found[i]) {
                    let element = (done + byte as u64) / size;
                    let fault = format!("{}: element {element} differs", key.key);
                    findings.lock().unwrap_or_else(PoisonError::into_inner).faults.push(fault);
                    break;
                }
                done += length as u64;
            }
            bytes.fetch_add(done, Ordering::Relaxed);
            Ok(())
        })?;
    }
    finish(findings, bytes)
}

/// Opens a file whose length and header are the planned ones, or says what is wrong with it.
fn open(root: &Path, places: &FileLayout) -> Result<Result<File, String>, Error> {
    let path = root.join(&places.path);
    let failed = |source| read_failed(&path, source);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Err(format!("{} is missing", places.path)));
        }
        Err(error) => return Err(failed(error)),
    };
    let length = file.metadata().map_err(failed)?.len();
    if length != places.bytes {
        return Ok(Err(format!("{} has {length} bytes instead of {}", places.path, places.bytes)));
    }
    let mut head = vec![0; places.head.len()];
    file.read_exact_at(&mut head, 0).map_err(failed)?;
    if head != places.head {
        return Ok(Err(format!("{} has another header", places.path)));
    }
    Ok(Ok(file))
}

fn read_failed(path: &Path, source: io::Error) -> Error {
    ckpt_safetensors::Error::Io { path: path.to_path_buf(), source }.into()
}
