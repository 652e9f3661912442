//! How a pickle describes a tensor: a view of a storage that lies in another record.

use super::graph::{Graph, Id, Node};
use crate::{Error, TorchDtype};

/// A view of the record `data/<key>`; all counts in elements.
#[derive(Debug)]
pub(crate) struct TensorRef<'a> {
    pub(crate) dtype: TorchDtype,
    pub(crate) key: &'a str,
    pub(crate) storage_bytes: u64,
    pub(crate) offset: u64,
    pub(crate) shape: Vec<u64>,
    pub(crate) stride: Vec<u64>,
}

impl<'a> TensorRef<'a> {
    /// The tensor or parameter at this node; None when the node is something else.
    pub(crate) fn at(graph: &Graph<'a>, id: Id) -> Result<Option<Self>, Error> {
        // A parameter has the bytes of its tensor.
        match Self::call(graph, id)? {
            Some(("_rebuild_parameter", &[data, _, _])) => match Self::plain(graph, data)? {
                Some(tensor) => Ok(Some(tensor)),
                None => Err(graph.unexpected(data, "a parameter's data", "a tensor")),
            },
            _ => Self::plain(graph, id),
        }
    }

    fn plain(graph: &Graph<'a>, id: Id) -> Result<Option<Self>, Error> {
        match Self::call(graph, id)? {
            Some(("_rebuild_tensor_v2", &[storage, offset, shape, stride, _, _])) => {
                Self::view(graph, storage, [offset, shape, stride], None).map(Some)
            }
            Some(("_rebuild_tensor_v3", &[storage, offset, shape, stride, _, _, dtype])) => {
                Self::view(graph, storage, [offset, shape, stride], Some(dtype)).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A call of one of torch's rebuilding functions, and its arguments.
    fn call<'g>(graph: &'g Graph<'a>, id: Id) -> Result<Option<(&'a str, &'g [Id])>, Error> {
        let Node::Object(object) = graph.node(id) else { return Ok(None) };
        let &Node::Global("torch._utils", function) = graph.node(object.callable) else { return Ok(None) };
        Ok(Some((function, graph.tuple(object.args, "a tensor's arguments")?)))
    }

    fn view(graph: &Graph<'a>, storage: Id, view: [Id; 3], dtype: Option<Id>) -> Result<Self, Error> {
        let Node::PersistentId(storage) = graph.node(storage) else {
            return Err(graph.unexpected(storage, "a tensor's storage", "a persistent id"));
        };
        let storage = graph.tuple(*storage, "a persistent id")?;
        let &[tag, class, key, location, count] = storage else {
            return Err(Error::Object { what: "a persistent id of other than 5 parts".into() });
        };
        if graph.str(tag, "a persistent id's kind")? != "storage" {
            return Err(graph.unexpected(tag, "a persistent id's kind", "\"storage\""));
        }
        // On what device the storage was makes no difference to its bytes.
        graph.str(location, "a storage's location")?;
        let (dtype, unit) = match (graph.global(class, "a storage's class")?, dtype) {
            (("torch.storage", "UntypedStorage"), Some(dtype)) => {
                let ("torch", name) = graph.global(dtype, "a dtype")? else {
                    return Err(graph.unexpected(dtype, "a dtype", "one of torch's"));
                };
                (TorchDtype::from_name(name)?, 1)
            }
            (("torch", class), None) => {
                let dtype = TorchDtype::from_storage_class(class);
                let dtype = dtype.ok_or_else(|| Error::Dtype { name: format!("torch.{class}") })?;
                (dtype, dtype.size())
            }
            ((module, name), _) => return Err(Error::Dtype { name: format!("{module}.{name}") }),
        };
        let count = graph.uint(count, "a storage's size")?;
        let storage_bytes = count
            .checked_mul(unit)
            .ok_or(Error::Shape { what: "storage larger than 2^64 bytes", shape: vec![count] })?;
        let [offset, shape, stride] = view;
        let shape = graph.uints(graph.tuple(shape, "a tensor's shape")?, "a tensor's size")?;
        let stride = graph.uints(graph.tuple(stride, "a tensor's strides")?, "a tensor's stride")?;
        let offset = graph.uint(offset, "a tensor's offset")?;
        let tensor = TensorRef {
            dtype,
            key: graph.str(key, "a storage's key")?,
            storage_bytes,
            offset,
            shape,
            stride,
        };
        tensor.check()?;
        Ok(tensor)
    }

    /// Every element lies in the storage, and there are no more elements than it has: a view that
    /// repeats elements without end (stride 0) can't blow up what is read.
    fn check(&self) -> Result<(), Error> {
        let wrong = |what| Error::Shape { what, shape: self.shape.clone() };
        if self.stride.len() != self.shape.len() {
            return Err(wrong("tensor with as many strides as its shape does not have"));
        }
        let bytes = self.dtype.bytes_of(&self.shape)?;
        if bytes == 0 {
            return Ok(());
        }
        let mut axes = self.shape.iter().zip(&self.stride);
        let last = axes.try_fold(self.offset, |last, (&size, &stride)| {
            last.checked_add((size - 1).checked_mul(stride)?)
        });
        let end = last.and_then(|last| last.checked_add(1)?.checked_mul(self.dtype.size()));
        if end.is_none_or(|end| end > self.storage_bytes) || bytes > self.storage_bytes {
            return Err(wrong("tensor that reaches beyond its storage"));
        }
        Ok(())
    }
}
