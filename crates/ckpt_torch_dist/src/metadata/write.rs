//! `.metadata` as torch 2.9's `FileSystemWriter` pickles it (protocol 4).

use super::{Metadata, StorageEntry, TensorEntry};
use crate::pickle::emit::{BATCH, Emitter, Protocol};
use crate::pickle::opcode::*;

const MODULE: &str = "torch.distributed.checkpoint.metadata";
const FILESYSTEM: &str = "torch.distributed.checkpoint.filesystem";

/// The pickle of a checkpoint's index.
///
/// It loads as the object that torch would have written; the bytes differ, since torch gives memo
/// numbers to every tuple and object and this does so only for what is used again.
pub fn write_metadata(metadata: &Metadata) -> Vec<u8> {
    let chunks: usize = metadata.tensors.iter().map(|tensor| tensor.chunks.len()).sum();
    let capacity = 512 + 160 * (metadata.tensors.len() + metadata.bytes.len()) + 48 * chunks;
    let mut writer = Writer {
        emit: Emitter::new(Protocol::Four, capacity + 80 * metadata.storage.len()),
        constants: None,
    };
    writer.metadata(metadata);
    writer.emit.finish()
}

/// Memo numbers of the two constants that every tensor's properties share.
#[derive(Clone, Copy)]
struct Constants {
    layout: u32,
    memory_format: u32,
}

struct Writer<'a> {
    emit: Emitter<'a>,
    constants: Option<Constants>,
}

impl<'a> Writer<'a> {
    fn metadata(&mut self, metadata: &'a Metadata) {
        self.begin(MODULE, "Metadata");
        self.emit.text("state_dict_metadata");
        self.emit.op(EMPTY_DICT);
        self.batches(&metadata.tensors, Self::tensor);
        self.batches(&metadata.bytes, |writer, key| {
            writer.emit.text(key.as_str());
            writer.new_object(MODULE, "BytesStorageMetadata");
        });
        self.emit.text("planner_data");
        self.emit.op(NONE);
        self.emit.text("storage_data");
        self.emit.op(EMPTY_DICT);
        self.batches(&metadata.storage, Self::storage);
        self.emit.text("storage_meta");
        self.storage_meta(metadata);
        self.emit.text("version");
        self.emit.text("1.0.0");
        self.end();
    }

    fn tensor(&mut self, tensor: &'a TensorEntry) {
        self.emit.text(tensor.key.as_str());
        self.begin(MODULE, "TensorStorageMetadata");
        self.emit.text("properties");
        self.properties(tensor.dtype.name());
        self.emit.text("size");
        self.size(&tensor.shape);
        self.emit.text("chunks");
        self.emit.op(EMPTY_LIST);
        for batch in tensor.chunks.chunks(BATCH) {
            self.emit.op(MARK);
            for chunk in batch {
                self.begin(MODULE, "ChunkStorageMetadata");
                self.emit.text("offsets");
                self.size(&chunk.offsets);
                self.emit.text("sizes");
                self.size(&chunk.sizes);
                self.end();
            }
            self.emit.op(APPENDS);
        }
        self.end();
    }

    /// A tuple for `TensorProperties.__setstate__`: dtype, layout, requires_grad, memory format,
    /// pin_memory.
    fn properties(&mut self, dtype: &'static str) {
        self.new_object(MODULE, "TensorProperties");
        self.emit.op(MARK);
        self.emit.global("torch", dtype);
        match self.constants {
            Some(Constants { layout, memory_format }) => {
                self.emit.get(layout);
                self.emit.bool(false);
                self.emit.get(memory_format);
            }
            None => {
                self.emit.global("torch.serialization", "_get_layout");
                self.emit.text("torch.strided");
                let layout = self.call_one();
                self.emit.bool(false);
                self.emit.global(MODULE, "_MEM_FORMAT_ENCODING");
                self.emit.int(0);
                let memory_format = self.call_one();
                self.constants = Some(Constants { layout, memory_format });
            }
        }
        self.emit.bool(false);
        self.emit.op(TUPLE);
        self.emit.op(BUILD);
    }

    fn storage(&mut self, entry: &'a StorageEntry) {
        self.begin(MODULE, "MetadataIndex");
        self.emit.text("fqn");
        self.emit.text(entry.key.as_str());
        self.emit.text("index");
        self.emit.op(NONE);
        // Without one, the class's own default (None) holds.
        if let Some(offset) = &entry.offset {
            self.emit.text("offset");
            self.size(offset);
        }
        self.end();
        self.begin(FILESYSTEM, "_StorageInfo");
        self.emit.text("relative_path");
        self.emit.text(entry.relative_path.as_str());
        self.emit.text("offset");
        self.emit.uint(entry.position);
        self.emit.text("length");
        self.emit.uint(entry.length);
        self.end();
    }

    fn storage_meta(&mut self, metadata: &'a Metadata) {
        self.begin(MODULE, "StorageMeta");
        for (name, text) in [("checkpoint_id", &metadata.checkpoint_id), ("save_id", &metadata.save_id)] {
            self.emit.text(name);
            match text {
                Some(text) => self.emit.text(text.as_str()),
                None => self.emit.op(NONE),
            }
        }
        self.emit.text("load_id");
        self.emit.op(NONE);
        self.emit.text("modules");
        self.emit.op(EMPTY_LIST);
        self.end();
    }

    /// Pairs for the dict on top of the stack.
    fn batches<T>(&mut self, entries: &'a [T], pair: impl Fn(&mut Self, &'a T)) {
        for batch in entries.chunks(BATCH) {
            self.emit.op(MARK);
            batch.iter().for_each(|entry| pair(self, entry));
            self.emit.op(SETITEMS);
        }
    }

    fn new_object(&mut self, module: &'static str, class: &'static str) {
        self.emit.global(module, class);
        self.emit.op(EMPTY_TUPLE);
        self.emit.op(NEWOBJ);
    }

    /// An object whose attributes follow, closed by `end`.
    fn begin(&mut self, module: &'static str, class: &'static str) {
        self.new_object(module, class);
        self.emit.op(EMPTY_DICT);
        self.emit.op(MARK);
    }

    fn end(&mut self) {
        self.emit.op(SETITEMS);
        self.emit.op(BUILD);
    }

    /// Calls what is below the top with the top as its one argument, for later use.
    fn call_one(&mut self) -> u32 {
        self.emit.op(TUPLE1);
        self.emit.op(REDUCE);
        self.emit.put()
    }

    fn size(&mut self, sizes: &[u64]) {
        self.emit.global("torch", "Size");
        match sizes.len() {
            0 => self.emit.op(EMPTY_TUPLE),
            1..=3 => {
                sizes.iter().for_each(|&size| self.emit.uint(size));
                self.emit.op([TUPLE1, TUPLE2, TUPLE3][sizes.len() - 1]);
            }
            _ => {
                self.emit.op(MARK);
                sizes.iter().for_each(|&size| self.emit.uint(size));
                self.emit.op(TUPLE);
            }
        }
        self.emit.op(TUPLE1);
        self.emit.op(REDUCE);
    }
}
