//! A checkpoint on disk, read as a plan whose sources are its own files: each global tensor is one item made of copies
//! of its chunks. Whatever can fill an item can then read a tensor, whoever wrote the checkpoint and over how many
//! ranks.

use crate::Error;
use crate::check::{Checked, check};
use crate::fill::Filler;
use crate::machine::HAS_THREADS;
use crate::plan::{
    Container, Copy, Form, Item, Key, MetadataFile, Plan, SourceFile, SourceTensor, TargetFile, TensorItem,
};
use ckpt_safetensors::{ReadMode, Source};
use ckpt_tensor::Dtype;
use ckpt_torch_dist::{ItemHeader, Metadata, ReadAt, StorageEntry, read_item_header, read_metadata};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

/// An index of a million chunks is 150 MB; a larger file is not one.
const MAX_INDEX: u64 = 1 << 30;
const SCRATCH: usize = 2 << 20;

/// An open checkpoint.
pub struct Checkpoint {
    dir: PathBuf,
    pub metadata: Metadata,
    /// Headers of the tensor items, in the order of `metadata.storage` (None for objects).
    pub headers: Vec<Option<ItemHeader>>,
    checked: Checked,
    sources: Vec<Source>,
    numbers: HashMap<String, usize>,
    files: Files,
}

impl Checkpoint {
    /// Opens the iteration directory that has `.metadata`, and reads the header of every item.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        Checkpoint::open_where(dir, &|_| true)
    }

    /// Opens a checkpoint as if it had only what `keep` says of its key: a training run's optimizer states, say, need
    /// not be whole for its model to be read.
    pub fn open_where(dir: &Path, keep: &dyn Fn(&str) -> bool) -> Result<Self, Error> {
        let metadata = part_of(read_index(dir)?, keep);
        let files = Files::open(dir, &metadata)?;
        let headers = files.headers(&metadata.storage)?;
        let plan = as_plan(dir, &metadata, &headers, &files)?;
        let numbers = plan.keys.iter().enumerate().map(|(at, key)| (key.key.clone(), at)).collect();
        let checked =
            check(plan).map_err(|error| Error::Checkpoint { path: dir.into(), fault: error.to_string() })?;
        let open = |file: &SourceFile| Source::open(&file.path, file.bytes, ReadMode::Pread);
        let sources = checked.plan.sources.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Checkpoint { dir: dir.to_path_buf(), metadata, headers, checked, sources, numbers, files })
    }

    /// The checkpoint as a plan that reads it: its files, their regions, and each global tensor as copies of them.
    pub fn plan(&self) -> &Plan {
        &self.checked.plan
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// An open data file. NotFound when no item is in one of that name.
    pub fn file(&self, name: &str) -> io::Result<&File> {
        self.files.open.get(name).map(|(_, file)| file).ok_or(io::ErrorKind::NotFound.into())
    }

    /// Position of a tensor among `keys`.
    pub fn find(&self, key: &str) -> Option<usize> {
        self.numbers.get(key).copied()
    }

    pub fn keys(&self) -> &[Key] {
        &self.checked.plan.keys
    }

    pub fn dtype(&self, key: usize) -> Dtype {
        self.checked.key_dtypes[key].0
    }

    pub fn reader(&self) -> TensorReader<'_> {
        TensorReader { checkpoint: self, filler: Filler::on_cpu(&self.checked, &self.sources, SCRATCH) }
    }
}

/// Reads ranges of global tensors, in row-major order.
pub struct TensorReader<'a> {
    checkpoint: &'a Checkpoint,
    filler: Filler<'a>,
}

impl TensorReader<'_> {
    /// Fills `out` with the elements of tensor number `key` from element `begin` on.
    pub fn read(&mut self, key: usize, begin: u64, out: &mut [u8]) -> Result<(), Error> {
        match &self.checkpoint.checked.plan.files[0].items[key] {
            Item::Tensor(item) => self.filler.fill(item, begin, out),
            Item::Object(_) => unreachable!("the plan of a checkpoint lists its tensors"),
        }
    }
}

fn read_index(dir: &Path) -> Result<Metadata, Error> {
    let path = dir.join(".metadata");
    let io = |source| ckpt_safetensors::Error::Io { path: path.clone(), source };
    let length = fs::metadata(&path).map_err(io)?.len();
    let fault = |fault: String| Error::Checkpoint { path: path.clone(), fault };
    if length > MAX_INDEX {
        return Err(fault(format!("{length} bytes are more than an index has")));
    }
    let mut file = File::open(&path).map_err(io)?;
    // Looked at before the rest is read: a large file of anything else needs no memory.
    let mut bytes = vec![0; 2];
    let is_pickle = file.read_exact(&mut bytes).is_ok() && matches!(bytes[..], [0x80, 2..=5]);
    if !is_pickle {
        return Err(fault("not an index: it does not begin as a pickle does".into()));
    }
    file.read_to_end(&mut bytes).map_err(io)?;
    read_metadata(&bytes).map_err(|error| fault(error.to_string()))
}

fn part_of(mut metadata: Metadata, keep: &dyn Fn(&str) -> bool) -> Metadata {
    metadata.tensors.retain(|tensor| keep(&tensor.key));
    metadata.bytes.retain(|key| keep(key));
    metadata.storage.retain(|entry| keep(&entry.key));
    metadata
}

/// The checkpoint's data files, opened once.
struct Files {
    dir: PathBuf,
    order: Vec<(PathBuf, u64)>,
    open: HashMap<String, (usize, File)>,
}

impl Files {
    fn open(dir: &Path, metadata: &Metadata) -> Result<Self, Error> {
        let mut files = Files { dir: dir.to_path_buf(), order: Vec::new(), open: HashMap::new() };
        for entry in &metadata.storage {
            if files.open.contains_key(&entry.relative_path) {
                continue;
            }
            let path = dir.join(&entry.relative_path);
            let io = |source| ckpt_safetensors::Error::Io { path: path.clone(), source };
            let file = File::open(&path).map_err(io)?;
            let bytes = file.metadata().map_err(io)?.len();
            files.open.insert(entry.relative_path.clone(), (files.order.len(), file));
            files.order.push((path, bytes));
        }
        Ok(files)
    }

    /// The header of every tensor item, in the order of `storage`, read on all cores.
    fn headers(&self, storage: &[StorageEntry]) -> Result<Vec<Option<ItemHeader>>, Error> {
        if !HAS_THREADS {
            return storage.iter().map(|entry| self.header(entry)).collect();
        }
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let share = storage.len().div_ceil(threads).max(1);
        let parts: Vec<Result<Vec<_>, Error>> = thread::scope(|scope| {
            let read = |part: &[StorageEntry]| part.iter().map(|entry| self.header(entry)).collect();
            let workers: Vec<_> = storage.chunks(share).map(|part| scope.spawn(move || read(part))).collect();
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        });
        let mut headers = Vec::with_capacity(storage.len());
        for part in parts {
            headers.extend(part?);
        }
        Ok(headers)
    }

    /// None for an object.
    fn header(&self, entry: &StorageEntry) -> Result<Option<ItemHeader>, Error> {
        let path = self.dir.join(&entry.relative_path);
        let (number, file) = &self.open[&entry.relative_path];
        let fault = |fault: String| Error::Checkpoint { path: path.clone(), fault };
        if entry.position.checked_add(entry.length).is_none_or(|end| end > self.order[*number].1) {
            return Err(fault(format!("{} lies beyond the end of the file", entry.key)));
        }
        if entry.offset.is_none() {
            return Ok(None);
        }
        let ends = Ends::read(file, entry.position, entry.length)
            .map_err(|source| ckpt_safetensors::Error::Io { path: path.clone(), source })?;
        let header = read_item_header(&ends, entry.position, entry.length);
        header.map(Some).map_err(|error| fault(format!("{}: {error}", entry.key)))
    }

    fn number(&self, name: &str) -> usize {
        self.open[name].0
    }
}

/// Both ends of an item, where all but its payload is: two reads instead of many small ones.
pub(crate) struct Ends<'a> {
    file: &'a File,
    head: (u64, Vec<u8>),
    tail: (u64, Vec<u8>),
}

/// More than the headers, and more than the directory, of an item that holds one tensor.
pub(crate) const END: u64 = 2048;

impl<'a> Ends<'a> {
    pub(crate) fn read(file: &'a File, position: u64, length: u64) -> io::Result<Self> {
        let part = |from: u64, bytes: u64| {
            let mut buffer = vec![0; bytes as usize];
            ReadAt::read_exact_at(file, &mut buffer, from).map(|()| (from, buffer))
        };
        if length <= 4 * END {
            return Ok(Ends { file, head: part(position, length)?, tail: (position, Vec::new()) });
        }
        Ok(Ends { file, head: part(position, END)?, tail: part(position + length - END, END)? })
    }
}

impl ReadAt for Ends<'_> {
    fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        for (from, bytes) in [&self.head, &self.tail] {
            let Some(skip) = position.checked_sub(*from).and_then(|skip| usize::try_from(skip).ok()) else {
                continue;
            };
            if let Some(part) = bytes.get(skip..).and_then(|rest| rest.get(..buffer.len())) {
                buffer.copy_from_slice(part);
                return Ok(());
            }
        }
        ReadAt::read_exact_at(self.file, buffer, position)
    }
}

fn as_plan(
    dir: &Path,
    metadata: &Metadata,
    headers: &[Option<ItemHeader>],
    files: &Files,
) -> Result<Plan, Error> {
    let mut sizes: HashMap<(&str, &[u64]), &[u64]> = HashMap::new();
    for tensor in &metadata.tensors {
        for chunk in &tensor.chunks {
            sizes.insert((&tensor.key, &chunk.offsets), &chunk.sizes);
        }
    }
    let mut tensors = Vec::new();
    let mut parts: HashMap<&str, (Vec<Copy>, Vec<usize>)> = HashMap::new();
    for (entry, header) in metadata.storage.iter().zip(headers) {
        let (Some(header), Some(offsets)) = (header, &entry.offset) else { continue };
        let wrong = |what: &str| Error::Checkpoint {
            path: dir.join(&entry.relative_path),
            fault: format!("the chunk of {} at {offsets:?} {what}", entry.key),
        };
        let size =
            sizes.get(&(entry.key.as_str(), offsets.as_slice())).ok_or_else(|| wrong("is in no grid"))?;
        if *size != header.shape.as_slice() {
            return Err(wrong(&format!("is {:?}, the index says {size:?}", header.shape)));
        }
        if header.shape.contains(&0) {
            continue;
        }
        let dtype = Dtype::from_torch(header.dtype.name()).ok_or_else(|| wrong("has an unknown dtype"))?;
        let (copies, numbers) = parts.entry(&entry.key).or_default();
        numbers.push(tensors.len());
        copies.push(Copy {
            tensor: copies.len(),
            start: offsets.clone(),
            size: header.shape.clone(),
            offset: header.storage_offset,
            strides: header.stride.clone(),
            op: None,
        });
        tensors.push(SourceTensor {
            name: entry.key.clone(),
            source: files.number(&entry.relative_path),
            dtype: dtype.safetensors_name().to_string(),
            shape: vec![header.storage_numel],
            begin: header.payload_position,
            end: header.payload_position + header.payload_len,
        });
    }
    let keys = metadata.tensors.iter().map(|tensor| Key {
        key: tensor.key.clone(),
        dtype: tensor.dtype.name().to_string(),
        shape: tensor.shape.clone(),
    });
    let (mut forms, mut items) = (Vec::new(), Vec::new());
    for (key, tensor) in metadata.tensors.iter().enumerate() {
        let (copies, tensors) = parts.remove(tensor.key.as_str()).unwrap_or_default();
        let offsets = vec![0; tensor.shape.len()];
        items.push(Item::Tensor(TensorItem { key, offsets, form: key, tensors }));
        forms.push(Form { sizes: tensor.shape.clone(), extent: tensor.shape.clone(), copies, fill: None });
    }
    let index = MetadataFile { path: "index".into(), checkpoint_id: String::new(), save_id: String::new() };
    Ok(Plan {
        version: 2,
        container: Container::TorchDist,
        sources: files
            .order
            .iter()
            .map(|(path, bytes)| SourceFile { path: path.clone(), bytes: *bytes })
            .collect(),
        tensors,
        objects: BTreeMap::new(),
        forms,
        matrices: Vec::new(),
        keys: keys.collect(),
        files: vec![TargetFile { path: "tensors".into(), rank: 0, header: BTreeMap::new(), items }],
        share: false,
        metadata: Some(index),
        archives: Vec::new(),
    })
}
