//! Whether what was just written reads back as the plan has it: the index whole, the data files by samples. What every
//! payload holds was summed on its way to the disk; reading all of it again is for a full verification.

use crate::Error;
use crate::checkpoint::Ends;
use crate::index::whole_files;
use crate::layout::FileLayout;
use crate::plan::Item;
use crate::run::Prepared;
use crate::verify::Findings;
use ckpt_torch_dist::{ReadAt, read_item_header};
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Items of a data file that are looked at: a disk takes a moment for each.
const SAMPLES: usize = 64;

/// Compares `.metadata` and the archives with what the plan makes of them, and the length of every data file and the
/// headers of some of its items with their layout.
pub fn verify_written(prepared: &Prepared, root: &Path) -> Result<Findings, Error> {
    let plan = &prepared.checked.plan;
    let mut findings = Findings { tensors: plan.keys.len(), ..Findings::default() };
    for (path, expected) in whole_files(&prepared.checked, &prepared.layout) {
        let path = root.join(path);
        let found = fs::read(&path).map_err(|source| read_failed(&path, source))?;
        if found != expected {
            findings.faults.push(format!("{} is not as it was written", path.display()));
        }
    }
    for (number, layout) in prepared.layout.files.iter().enumerate() {
        verify_file(prepared, number, layout, &root.join(&layout.path), &mut findings)?;
    }
    Ok(findings)
}

fn verify_file(
    prepared: &Prepared,
    number: usize,
    layout: &FileLayout,
    path: &Path,
    findings: &mut Findings,
) -> Result<(), Error> {
    let io = |source| read_failed(path, source);
    let file = File::open(path).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    if bytes != layout.bytes {
        findings.faults.push(format!("{}: {bytes} bytes, expected {}", path.display(), layout.bytes));
        return Ok(());
    }
    let items = &prepared.checked.plan.files[number].items;
    let last = items.len().saturating_sub(1);
    let step = items.len().div_ceil(SAMPLES).max(1);
    for at in (0..items.len()).filter(|at| at % step == 0 || *at == last) {
        findings.items += 1;
        let placed = &layout.items[at];
        let sound = match &items[at] {
            Item::Object(object) => {
                findings.objects += 1;
                let mut found = vec![0; placed.len() as usize];
                ReadAt::read_exact_at(&file, &mut found, placed.start).map_err(io)?;
                found == prepared.checked.objects[&object.object]
            }
            Item::Tensor(item) => {
                let ends = Ends::read(&file, placed.start, placed.len()).map_err(io)?;
                read_item_header(&ends, placed.start, placed.len()).is_ok_and(|header| {
                    header.is_contiguous()
                        && header.dtype == prepared.checked.key_dtypes[item.key].1
                        && header.shape == prepared.checked.sizes(item)
                        && (header.payload_len == 0 || header.payload_position == placed.payload_at())
                })
            }
        };
        if !sound {
            findings.faults.push(format!("{}: item {at} is not as it was written", path.display()));
        }
    }
    Ok(())
}

fn read_failed(path: &Path, source: io::Error) -> Error {
    ckpt_safetensors::Error::Io { path: path.to_path_buf(), source }.into()
}
