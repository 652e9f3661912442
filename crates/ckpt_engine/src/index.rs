//! `.metadata` and the archives: what is written once all tensor files are complete.

use crate::Error;
use crate::check::Checked;
use crate::disk::{Disk, WriteMode, create_folders};
use crate::layout::Layout;
use crate::plan::{Item, MetadataFile};
use ckpt_torch_dist::{Chunk, Metadata, StorageEntry, TensorEntry, save_object, write_metadata};
use std::io;
use std::path::Path;

/// The bytes of `.metadata` for a finished set of files.
fn metadata(file: &MetadataFile, checked: &Checked, layout: &Layout) -> Vec<u8> {
    let plan = &checked.plan;
    let mut tensors: Vec<TensorEntry> = plan
        .keys
        .iter()
        .zip(&checked.key_dtypes)
        .map(|(key, dtype)| TensorEntry {
            key: key.key.clone(),
            dtype: dtype.1,
            shape: key.shape.clone(),
            chunks: Vec::new(),
        })
        .collect();
    let mut bytes = Vec::new();
    let mut storage = Vec::new();
    for (target, places) in plan.files.iter().zip(&layout.files) {
        let relative_path = target.path.rsplit('/').next().unwrap_or(&target.path);
        for (item, placed) in target.items.iter().zip(&places.items) {
            let (key, offset) = match item {
                Item::Object(object) => {
                    bytes.push(object.key.clone());
                    (object.key.clone(), None)
                }
                Item::Tensor(item) => {
                    let entry = &mut tensors[item.key];
                    entry
                        .chunks
                        .push(Chunk { offsets: item.offsets.clone(), sizes: checked.sizes(item).to_vec() });
                    (entry.key.clone(), Some(item.offsets.clone()))
                }
            };
            let relative_path = relative_path.to_string();
            storage.push(StorageEntry {
                key,
                offset,
                relative_path,
                position: placed.start,
                length: placed.len(),
            });
        }
    }
    let checkpoint_id = Some(file.checkpoint_id.clone());
    let save_id = Some(file.save_id.clone());
    write_metadata(&Metadata { tensors, bytes, storage, checkpoint_id, save_id })
}

/// What a torch_dist checkpoint has beside its data files, with paths: the archives, then `.metadata`, whose presence says
/// that everything else is there.
pub fn whole_files<'c>(checked: &'c Checked, layout: &'c Layout) -> impl Iterator<Item = (&'c str, Vec<u8>)> {
    let archives = checked.plan.archives.iter().map(|archive| {
        let name = archive.path.rsplit('/').next().unwrap_or(&archive.path);
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        (archive.path.as_str(), save_object(&checked.values[&archive.object], stem))
    });
    let index = checked.plan.metadata.iter();
    archives.chain(index.map(|file| (file.path.as_str(), metadata(file, checked, layout))))
}

/// Writes the whole files in their order. Returns their paths and lengths.
pub fn write_index(
    disk: &dyn Disk,
    root: &Path,
    sync: bool,
    checked: &Checked,
    layout: &Layout,
) -> Result<Vec<(String, u64)>, Error> {
    let mut written = Vec::new();
    for (path, bytes) in whole_files(checked, layout) {
        write_whole(disk, root, sync, path, &bytes)?;
        written.push((path.to_string(), bytes.len() as u64));
    }
    Ok(written)
}

fn write_whole(disk: &dyn Disk, root: &Path, sync: bool, path: &str, bytes: &[u8]) -> Result<(), Error> {
    create_folders(disk, root, path)?;
    let path = root.join(path);
    let io = |source| Error::write(&path, source);
    let file = disk.create(&path, WriteMode::Buffered).map_err(io)?;
    let mut done = 0;
    while done < bytes.len() {
        match file.write(&bytes[done..], done as u64) {
            Ok(0) => return Err(io(io::ErrorKind::WriteZero.into())),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(io(error)),
        }
    }
    file.finish(bytes.len() as u64, sync).map_err(io)
}
