//! A value tree as the `data.pkl` that torch.save writes.

use super::emit::{BATCH, Emitter, Protocol};
use super::opcode::*;
use super::{How, Object, Value};
use crate::TorchDtype;
use crate::dtype::row_major_strides;

/// A tensor met while pickling: its elements go to the record `data/<key>`.
pub(crate) struct SavedTensor<'a> {
    pub(crate) key: String,
    pub(crate) data: &'a [u8],
}

/// Pickles a tree (protocol 2) and lists its tensors in the order of their storage keys.
pub(crate) fn save_value(value: &Value) -> (Vec<u8>, Vec<SavedTensor<'_>>) {
    let mut saver = Saver { emit: Emitter::new(Protocol::Two, 256), tensors: Vec::new() };
    saver.value(value);
    (saver.emit.finish(), saver.tensors)
}

/// The pickle of one contiguous tensor whose storage has the key "0".
pub(crate) fn save_tensor(dtype: TorchDtype, shape: &[u64]) -> Vec<u8> {
    let mut emit = Emitter::new(Protocol::Two, 192);
    tensor(&mut emit, dtype, shape, "0".to_string());
    emit.finish()
}

struct Saver<'a> {
    emit: Emitter<'a>,
    tensors: Vec<SavedTensor<'a>>,
}

impl<'a> Saver<'a> {
    fn value(&mut self, value: &'a Value) {
        let emit = &mut self.emit;
        match value {
            Value::None => emit.op(NONE),
            Value::Bool(value) => emit.bool(*value),
            Value::Int(value) => emit.int(*value),
            Value::BigInt(bytes) => emit.long(bytes),
            Value::Float(value) => emit.float(*value),
            Value::Str(text) => emit.text(text.as_str()),
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::List(items) => {
                emit.op(EMPTY_LIST);
                emit.put();
                self.items(items);
            }
            Value::Tuple(items) => self.tuple(items),
            Value::Dict(pairs) => {
                emit.op(EMPTY_DICT);
                emit.put();
                self.pairs(pairs);
            }
            Value::Set(items) => self.set("set", items),
            Value::FrozenSet(items) => self.set("frozenset", items),
            Value::Tensor { dtype, shape, data } => {
                let key = self.tensors.len().to_string();
                self.tensors.push(SavedTensor { key: key.clone(), data });
                tensor(emit, *dtype, shape, key);
            }
            Value::Global { module, name } => emit.global(module.as_str(), name.as_str()),
            Value::Object(object) => self.object(object),
            Value::PersistentId(id) => {
                self.value(id);
                self.emit.op(BINPERSID);
            }
        }
    }

    fn items(&mut self, items: &'a [Value]) {
        if let [item] = items {
            self.value(item);
            return self.emit.op(APPEND);
        }
        for batch in items.chunks(BATCH) {
            self.emit.op(MARK);
            batch.iter().for_each(|item| self.value(item));
            self.emit.op(APPENDS);
        }
    }

    fn pairs(&mut self, pairs: &'a [(Value, Value)]) {
        if let [(key, value)] = pairs {
            self.value(key);
            self.value(value);
            return self.emit.op(SETITEM);
        }
        for batch in pairs.chunks(BATCH) {
            self.emit.op(MARK);
            for (key, value) in batch {
                self.value(key);
                self.value(value);
            }
            self.emit.op(SETITEMS);
        }
    }

    fn tuple(&mut self, items: &'a [Value]) {
        let close = match items.len() {
            0 => return self.emit.op(EMPTY_TUPLE),
            1 => TUPLE1,
            2 => TUPLE2,
            3 => TUPLE3,
            _ => {
                self.emit.op(MARK);
                TUPLE
            }
        };
        items.iter().for_each(|item| self.value(item));
        self.emit.op(close);
        self.emit.put();
    }

    /// Protocol 2 has no bytes: CPython 3 writes a call that decodes Latin-1 text.
    fn bytes(&mut self, bytes: &[u8]) {
        let emit = &mut self.emit;
        if bytes.is_empty() {
            emit.global("__builtin__", "bytes");
            emit.op(EMPTY_TUPLE);
        } else {
            emit.global("_codecs", "encode");
            emit.text(bytes.iter().map(|&byte| char::from(byte)).collect::<String>());
            emit.text("latin1");
            emit.op(TUPLE2);
            emit.put();
        }
        emit.op(REDUCE);
        emit.put();
    }

    /// Protocol 2 has no sets either: a call of the class on a list.
    fn set(&mut self, class: &'static str, items: &'a [Value]) {
        self.emit.global("__builtin__", class);
        self.emit.op(EMPTY_LIST);
        self.emit.put();
        self.items(items);
        self.emit.op(TUPLE1);
        self.emit.put();
        self.emit.op(REDUCE);
        self.emit.put();
    }

    fn object(&mut self, object: &'a Object) {
        self.value(&object.callable);
        self.value(&object.args);
        self.emit.op(match object.how {
            How::Call => REDUCE,
            How::New => NEWOBJ,
        });
        self.emit.put();
        if !object.items.is_empty() {
            self.items(&object.items);
        }
        if !object.pairs.is_empty() {
            self.pairs(&object.pairs);
        }
        if let Some(state) = &object.state {
            self.value(state);
            self.emit.op(BUILD);
        }
    }
}

/// `_rebuild_tensor_v2(storage, 0, size, stride, requires_grad=False, OrderedDict())`, with the
/// dtype as a seventh argument of v3 where no storage class names it.
fn tensor<'a>(emit: &mut Emitter<'a>, dtype: TorchDtype, shape: &[u64], key: String) {
    let elements = shape.iter().fold(1, |product: u64, &size| product.saturating_mul(size));
    let (rebuild, module, class, count) = match dtype.storage_class() {
        Some(class) => ("_rebuild_tensor_v2", "torch", class, elements),
        None => {
            ("_rebuild_tensor_v3", "torch.storage", "UntypedStorage", elements.saturating_mul(dtype.size()))
        }
    };
    emit.global("torch._utils", rebuild);
    emit.op(MARK);
    emit.op(MARK);
    emit.text("storage");
    emit.global(module, class);
    emit.text(key);
    emit.text("cpu");
    emit.uint(count);
    emit.op(TUPLE);
    emit.put();
    emit.op(BINPERSID);
    emit.uint(0);
    sizes(emit, shape);
    sizes(emit, &row_major_strides(shape));
    emit.bool(false);
    emit.global("collections", "OrderedDict");
    emit.op(EMPTY_TUPLE);
    emit.op(REDUCE);
    emit.put();
    if dtype.storage_class().is_none() {
        emit.global("torch", dtype.name());
    }
    emit.op(TUPLE);
    emit.put();
    emit.op(REDUCE);
    emit.put();
}

fn sizes(emit: &mut Emitter<'_>, sizes: &[u64]) {
    if sizes.is_empty() {
        return emit.op(EMPTY_TUPLE);
    }
    if sizes.len() > 3 {
        emit.op(MARK);
    }
    sizes.iter().for_each(|&size| emit.uint(size));
    emit.op(match sizes.len() {
        1 => TUPLE1,
        2 => TUPLE2,
        3 => TUPLE3,
        _ => TUPLE,
    });
    emit.put();
}
