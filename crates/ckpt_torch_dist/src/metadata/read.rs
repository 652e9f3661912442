//! `.metadata` as torch 2.1 and later write it, and Megatron-Core's own subclass of it.

use super::{Chunk, Metadata, StorageEntry, TensorEntry};
use crate::pickle::globals::Allowed;
use crate::pickle::graph::{Graph, Id, Node};
use crate::pickle::parse;
use crate::{Error, TorchDtype};

const MODULE: &str = "torch.distributed.checkpoint.metadata";
const FILESYSTEM: &str = "torch.distributed.checkpoint.filesystem";
/// Where TensorProperties lived up to torch 2.2.
const SHARDED_TENSOR: &str = "torch.distributed._shard.sharded_tensor.metadata";
/// Up to 0.15 Megatron-Core subclassed Metadata.
const MCORE: &str = "megatron.core.dist_checkpointing.strategies.torch";

const PATHS: &[&str] = &["PosixPath", "PurePosixPath", "PureWindowsPath", "WindowsPath"];

#[rustfmt::skip]
const ALLOWED: &[(&str, &[&str])] = &[
    (FILESYSTEM,            &["_StorageInfo"]),
    (MCORE,                 &["MCoreMetadata"]),
    (MODULE,                &["BytesStorageMetadata", "ChunkStorageMetadata", "Metadata", "MetadataIndex",
                              "StorageMeta", "TensorProperties", "TensorStorageMetadata", "_MEM_FORMAT_ENCODING"]),
    ("collections",         &["OrderedDict"]),
    ("pathlib",             PATHS),
    ("pathlib._local",      PATHS),
    (SHARDED_TENSOR,        &["MEM_FORMAT_ENCODING", "TensorProperties"]),
    ("torch",               &["Size"]),
    ("torch.serialization", &["_get_layout"]),
];

/// Reads the index of a checkpoint, whatever number of ranks wrote it.
///
/// Errors: a damaged pickle, any name but those of the index itself, a chunk outside its tensor, a
/// file outside the checkpoint's directory, compressed items.
pub fn read_metadata(bytes: &[u8]) -> Result<Metadata, Error> {
    let graph = parse(bytes, Allowed::Only(ALLOWED))?;
    Reader { graph: &graph }.metadata()
}

/// The attributes of one object.
type Attributes<'g> = &'g [(Id, Id)];

struct Reader<'g, 'a> {
    graph: &'g Graph<'a>,
}

impl<'g, 'a> Reader<'g, 'a> {
    fn metadata(&self) -> Result<Metadata, Error> {
        let (class, attributes) = self.instance(self.graph.root, "the index")?;
        if !matches!(class, (MODULE, "Metadata") | (MCORE, "MCoreMetadata")) {
            return Err(self.graph.unexpected(self.graph.root, "the index", "torch's Metadata"));
        }
        let mut metadata = Metadata::default();
        let states = self.required(attributes, "state_dict_metadata")?;
        for &(key, state) in self.graph.dict(states, "state_dict_metadata")? {
            let key = self.graph.str(key, "a key of the state dict")?;
            match self.instance(state, "an entry of the state dict")? {
                ((MODULE, "TensorStorageMetadata"), attributes) => {
                    metadata.tensors.push(self.tensor(key, attributes)?);
                }
                ((MODULE, "BytesStorageMetadata"), _) => metadata.bytes.push(key.to_string()),
                _ => return Err(self.graph.unexpected(state, key, "a tensor or bytes")),
            }
        }
        let storage = self.required(attributes, "storage_data")?;
        for &(index, info) in self.graph.dict(storage, "storage_data")? {
            metadata.storage.push(self.storage(index, info)?);
        }
        if let Some(meta) = self.optional(attributes, "storage_meta") {
            let attributes = self.of(meta, (MODULE, "StorageMeta"), "storage_meta")?;
            metadata.checkpoint_id =
                self.optional(attributes, "checkpoint_id").map(|id| self.path(id)).transpose()?;
            let save_id = self.optional(attributes, "save_id").map(|id| self.graph.str(id, "save_id"));
            metadata.save_id = save_id.transpose()?.map(str::to_string);
        }
        Ok(metadata)
    }

    fn tensor(&self, key: &str, attributes: Attributes<'_>) -> Result<TensorEntry, Error> {
        let shape = self.size(self.required(attributes, "size")?, "a tensor's size")?;
        let dtype = self.dtype(self.required(attributes, "properties")?)?;
        let Node::List(list) = self.graph.node(self.required(attributes, "chunks")?) else {
            return Err(Error::Metadata { what: format!("the chunks of {key} are no list") });
        };
        let chunks = list.iter().map(|&id| self.chunk(key, &shape, id)).collect::<Result<_, _>>()?;
        Ok(TensorEntry { key: key.to_string(), dtype, shape, chunks })
    }

    fn chunk(&self, key: &str, shape: &[u64], id: Id) -> Result<Chunk, Error> {
        let attributes = self.of(id, (MODULE, "ChunkStorageMetadata"), "a chunk")?;
        let offsets = self.size(self.required(attributes, "offsets")?, "a chunk's offsets")?;
        let sizes = self.size(self.required(attributes, "sizes")?, "a chunk's sizes")?;
        let ranks_match = offsets.len() == shape.len() && sizes.len() == shape.len();
        let mut axes = offsets.iter().zip(&sizes).zip(shape);
        let inside =
            axes.all(|((offset, &size), &bound)| offset.checked_add(size).is_some_and(|end| end <= bound));
        if !ranks_match || !inside {
            let what = format!("{key} of shape {shape:?} has a chunk of {sizes:?} at {offsets:?}");
            return Err(Error::Metadata { what });
        }
        Ok(Chunk { offsets, sizes })
    }

    /// From a tuple of dtype, layout, requires_grad, memory format and pin_memory.
    fn dtype(&self, id: Id) -> Result<TorchDtype, Error> {
        let (class, object) = self.graph.object(id, "a tensor's properties")?;
        let known = matches!(class, (MODULE | SHARDED_TENSOR, "TensorProperties"));
        let (true, Some(state)) = (known, object.state) else {
            return Err(self.graph.unexpected(id, "a tensor's properties", "TensorProperties"));
        };
        let &[dtype, layout, ..] = self.graph.tuple(state, "a tensor's properties")? else {
            return Err(Error::Metadata { what: "a tensor's properties lack a dtype or a layout".into() });
        };
        let (function, call) = self.graph.object(layout, "a tensor's layout")?;
        let name = match (function, self.graph.tuple(call.args, "a layout's arguments")?) {
            (("torch.serialization", "_get_layout"), &[name]) => self.graph.str(name, "a layout")?,
            _ => return Err(self.graph.unexpected(layout, "a tensor's layout", "a layout")),
        };
        if name != "torch.strided" {
            return Err(Error::Metadata { what: format!("a tensor's layout is {name}, not torch.strided") });
        }
        match self.graph.global(dtype, "a tensor's dtype")? {
            ("torch", name) => TorchDtype::from_name(name),
            _ => Err(self.graph.unexpected(dtype, "a tensor's dtype", "one of torch's")),
        }
    }

    fn storage(&self, index: Id, info: Id) -> Result<StorageEntry, Error> {
        let attributes = self.of(index, (MODULE, "MetadataIndex"), "a key of storage_data")?;
        let key = self.graph.str(self.required(attributes, "fqn")?, "fqn")?.to_string();
        let offset = self.optional(attributes, "offset").map(|id| self.size(id, "an index's offset"));
        let offset = offset.transpose()?;
        let attributes = self.of(info, (FILESYSTEM, "_StorageInfo"), "an entry of storage_data")?;
        if self.optional(attributes, "transform_descriptors").is_some() {
            return Err(Error::Metadata { what: format!("the items of {key} are compressed or encrypted") });
        }
        let relative_path = self.graph.str(self.required(attributes, "relative_path")?, "relative_path")?;
        if !stays_inside(relative_path) {
            let what = format!("{key} lies in {relative_path:?}, outside the checkpoint's directory");
            return Err(Error::Metadata { what });
        }
        let position = self.graph.uint(self.required(attributes, "offset")?, "an item's offset")?;
        let length = self.graph.uint(self.required(attributes, "length")?, "an item's length")?;
        Ok(StorageEntry { key, offset, relative_path: relative_path.to_string(), position, length })
    }

    /// A string, or one of pathlib's objects, which pickle as a call on the path's parts.
    fn path(&self, id: Id) -> Result<String, Error> {
        if let Node::Str(text) = self.graph.node(id) {
            return Ok(text.to_string());
        }
        let (("pathlib" | "pathlib._local", _), object) = self.graph.object(id, "checkpoint_id")? else {
            return Err(self.graph.unexpected(id, "checkpoint_id", "a path"));
        };
        let parts = self.graph.tuple(object.args, "a path's parts")?;
        let mut path = String::new();
        for &part in parts {
            if !path.is_empty() && !path.ends_with(['/', '\\']) {
                path.push('/');
            }
            path.push_str(self.graph.str(part, "a path's part")?);
        }
        Ok(path)
    }

    /// `torch.Size`, or what it was built from.
    fn size(&self, id: Id, what: &str) -> Result<Vec<u64>, Error> {
        let sizes = match self.graph.node(id) {
            Node::Object(_) => match self.graph.object(id, what)? {
                (("torch", "Size"), object) => match self.graph.tuple(object.args, what)? {
                    &[sizes] => sizes,
                    _ => return Err(self.graph.unexpected(id, what, "a size")),
                },
                _ => return Err(self.graph.unexpected(id, what, "a size")),
            },
            _ => id,
        };
        self.graph.uints(self.graph.tuple(sizes, what)?, what)
    }

    /// An object's class and its attributes, none if its state was never set.
    fn instance(&self, id: Id, what: &str) -> Result<((&'a str, &'a str), Attributes<'g>), Error> {
        let (class, object) = self.graph.object(id, what)?;
        let attributes = object.state.map(|state| self.graph.dict(state, what)).transpose()?;
        Ok((class, attributes.unwrap_or_default()))
    }

    fn of(&self, id: Id, wanted: (&str, &str), what: &str) -> Result<Attributes<'g>, Error> {
        match self.instance(id, what)? {
            (class, attributes) if class == wanted => Ok(attributes),
            _ => Err(self.graph.unexpected(id, what, &format!("{}.{}", wanted.0, wanted.1))),
        }
    }

    /// An attribute that is there and not None; the last one counts, as in Python.
    fn optional(&self, attributes: Attributes<'_>, name: &str) -> Option<Id> {
        let named = |id: Id| matches!(self.graph.node(id), Node::Str(text) if *text == name);
        let &(_, value) = attributes.iter().rev().find(|(key, _)| named(*key))?;
        (!matches!(self.graph.node(value), Node::None)).then_some(value)
    }

    fn required(&self, attributes: Attributes<'_>, name: &str) -> Result<Id, Error> {
        let missing = || Error::Metadata { what: format!("an object without its attribute {name}") };
        self.optional(attributes, name).ok_or_else(missing)
    }
}

/// Whether a relative path is plain: no root, no drive, no `..`, on any system.
fn stays_inside(path: &str) -> bool {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']);
    path.split('/').all(plain)
}
