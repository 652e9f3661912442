//! `.metadata` and the archives: what is written once all tensor files are complete.

use crate::Error;
use crate::check::Checked;
use crate::layout::Layout;
use crate::plan::Item;
use ckpt_torch_dist::{Chunk, Metadata, StorageEntry, TensorEntry, save_object, write_metadata};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// The bytes of `.metadata` for a finished set of files.
pub fn metadata(checked: &Checked, layout: &Layout) -> Vec<u8> {
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
    for (file, places) in plan.files.iter().zip(&layout.files) {
        let relative_path = file.path.rsplit('/').next().unwrap_or(&file.path);
        for (item, placed) in file.items.iter().zip(&places.items) {
            let (key, offset) = match item {
                Item::Object(object) => {
                    bytes.push(object.key.clone());
                    (object.key.clone(), None)
                }
                Item::Tensor(item) => {
                    let entry = &mut tensors[item.key];
                    entry.chunks.push(Chunk { offsets: item.offsets.clone(), sizes: item.sizes.clone() });
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
    let checkpoint_id = Some(plan.metadata.checkpoint_id.clone());
    let save_id = Some(plan.metadata.save_id.clone());
    write_metadata(&Metadata { tensors, bytes, storage, checkpoint_id, save_id })
}

/// Writes the archives, then `.metadata`: its presence says that everything else is there.
pub fn write_index(root: &Path, checked: &Checked, layout: &Layout, sync: bool) -> Result<u64, Error> {
    let mut written = 0;
    for archive in &checked.plan.archives {
        let name = archive.path.rsplit('/').next().unwrap_or(&archive.path);
        let stem = name.split('.').next().unwrap_or(name);
        written += write_whole(
            &root.join(&archive.path),
            &save_object(&checked.values[&archive.object], stem),
            sync,
        )?;
    }
    written += write_whole(&root.join(&checked.plan.metadata.path), &metadata(checked, layout), sync)?;
    Ok(written)
}

fn write_whole(path: &Path, bytes: &[u8], sync: bool) -> Result<u64, Error> {
    let io = |source| Error::write(path, source);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(io)?;
    }
    let mut file = File::create(path).map_err(io)?;
    file.write_all(bytes).map_err(io)?;
    if sync {
        file.sync_all().map_err(io)?;
    }
    Ok(bytes.len() as u64)
}
