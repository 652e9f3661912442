//! Whether what was just written reads back as the plan has it: the index whole, the data files by samples. What every
//! payload holds was summed on its way to the disk; reading all of it again is for a full verification.

use crate::Error;
use crate::checkpoint::Ends;
use crate::index::whole_files;
use crate::layout::{FileLayout, Placed};
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
    let samples = || (0..items.len()).filter(|at| at % step == 0 || *at == last);
    announce(&file, samples().map(|at| layout.items[at]));
    for at in samples() {
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

/// Has the ends of items brought, all at a time, and nothing around them: direct writes have left nothing in the cache, and
/// who reads them one after the other waits for the disk each time.
#[cfg(target_os = "linux")]
fn announce(file: &File, items: impl Iterator<Item = Placed>) {
    use crate::checkpoint::END;
    use rustix::fs::{Advice, fadvise};
    use std::iter;
    use std::num::NonZeroU64;
    // Only advice: reading works without.
    let _ = fadvise(file, 0, None, Advice::Random);
    let ends = items.flat_map(|placed| {
        let [head, tail] = [placed.start..placed.start + END, placed.end().saturating_sub(END)..placed.end()];
        if placed.len() <= 4 * END { [placed.start..placed.end(), tail] } else { [head, tail] }
    });
    let mut due = 0..0;
    for range in ends.chain(iter::once(u64::MAX..u64::MAX)) {
        if range.start > due.end + END {
            if let Some(length) = NonZeroU64::new(due.end - due.start) {
                let _ = fadvise(file, due.start, Some(length), Advice::WillNeed);
            }
            due = range;
        } else {
            due.end = due.end.max(range.end);
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn announce(_file: &File, _items: impl Iterator<Item = Placed>) {}

fn read_failed(path: &Path, source: io::Error) -> Error {
    ckpt_safetensors::Error::Io { path: path.to_path_buf(), source }.into()
}
