//! A pickle's graph as a tree of values.

use super::graph::{Graph, Id, Node, ObjectNode};
use super::tensor_ref::TensorRef;
use super::{Object, Value};
use crate::Error;

/// Nesting of lists, dicts and objects; Python itself gives up at about 1000.
const MAX_DEPTH: usize = 256;

/// A tree repeats what the graph shares, and a hostile pickle shares without end: the tree may cost
/// this many times the pickle's own length. A value costs 16, text its length.
const EXPANSION: u64 = 64;
const VALUE_COST: u64 = 16;
const FREE_COST: u64 = 1 << 16;

/// Where tensors find their elements.
pub(crate) trait Storages {
    /// A tensor's elements, row-major.
    fn elements(&mut self, tensor: &TensorRef<'_>) -> Result<Vec<u8>, Error>;
}

pub(crate) fn load_value(
    graph: &Graph<'_>,
    pickle_len: usize,
    storages: &mut dyn Storages,
) -> Result<Value, Error> {
    let budget = (pickle_len as u64).saturating_mul(EXPANSION).saturating_add(FREE_COST);
    Loader { graph, storages, budget, limit: budget, depth: 0 }.value(graph.root)
}

struct Loader<'g, 'a> {
    graph: &'g Graph<'a>,
    storages: &'g mut dyn Storages,
    budget: u64,
    limit: u64,
    depth: usize,
}

impl Loader<'_, '_> {
    fn value(&mut self, id: Id) -> Result<Value, Error> {
        self.spend(VALUE_COST)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::Limit { what: "nesting of an object", limit: MAX_DEPTH as u64 });
        }
        let value = self.node(id)?;
        self.depth -= 1;
        Ok(value)
    }

    fn node(&mut self, id: Id) -> Result<Value, Error> {
        let graph = self.graph;
        Ok(match graph.node(id) {
            Node::None => Value::None,
            Node::Bool(value) => Value::Bool(*value),
            Node::Int(value) => Value::Int(*value),
            Node::Float(value) => Value::Float(*value),
            Node::BigInt(bytes) => Value::BigInt(self.copy(bytes)?),
            Node::Bytes(bytes) => Value::Bytes(self.copy(bytes)?),
            Node::Str(text) => Value::Str(self.text(text)?),
            Node::Tuple(items) => Value::Tuple(self.values(items)?),
            Node::List(items) => Value::List(self.values(items)?),
            Node::Set(items) => Value::Set(self.values(items)?),
            Node::FrozenSet(items) => Value::FrozenSet(self.values(items)?),
            Node::Dict(pairs) => Value::Dict(self.pairs(pairs)?),
            Node::Global(module, name) => {
                Value::Global { module: self.text(module)?, name: self.text(name)? }
            }
            Node::PersistentId(id) => Value::PersistentId(Box::new(self.value(*id)?)),
            Node::Object(object) => match TensorRef::at(graph, id)? {
                Some(tensor) => {
                    let data = self.storages.elements(&tensor)?;
                    Value::Tensor { dtype: tensor.dtype, shape: tensor.shape, data }
                }
                None => self.object(object)?,
            },
        })
    }

    /// Objects whose making is known become plain values; the others stay as described.
    fn object(&mut self, object: &ObjectNode) -> Result<Value, Error> {
        if object.state.is_none() && object.items.is_empty() {
            let graph = self.graph;
            if let &Node::Global(module, name) = graph.node(object.callable) {
                let args = graph.tuple(object.args, "a call's arguments")?;
                if let Some(value) = self.known(module, name, args, &object.pairs)? {
                    return Ok(value);
                }
            }
        }
        let state = object.state.map(|id| self.value(id)).transpose()?;
        Ok(Value::Object(Box::new(Object {
            how: object.how,
            callable: self.value(object.callable)?,
            args: self.value(object.args)?,
            state,
            items: self.values(&object.items)?,
            pairs: self.pairs(&object.pairs)?,
        })))
    }

    fn known(
        &mut self,
        module: &str,
        name: &str,
        args: &[Id],
        pairs: &[(Id, Id)],
    ) -> Result<Option<Value>, Error> {
        let graph = self.graph;
        if (module, name) == ("collections", "OrderedDict") && args.is_empty() {
            return Ok(Some(Value::Dict(self.pairs(pairs)?)));
        }
        if !pairs.is_empty() {
            return Ok(None);
        }
        let nodes: Vec<&Node<'_>> = args.iter().map(|&arg| graph.node(arg)).collect();
        Ok(match (module, name, nodes.as_slice()) {
            ("torch", "Size", [Node::Tuple(sizes)]) => Some(Value::Tuple(self.values(sizes)?)),
            ("_codecs", "encode", [Node::Str(text), Node::Str("latin1")]) => {
                Some(Value::Bytes(self.latin1(text)?))
            }
            ("__builtin__" | "builtins", "bytes" | "bytearray", []) => Some(Value::Bytes(Vec::new())),
            ("__builtin__" | "builtins", "bytearray", [_]) => {
                Some(self.value(args[0])?).filter(|bytes| matches!(bytes, Value::Bytes(_)))
            }
            ("__builtin__" | "builtins", "set", [Node::List(items)]) => Some(Value::Set(self.values(items)?)),
            ("__builtin__" | "builtins", "frozenset", [Node::List(items)]) => {
                Some(Value::FrozenSet(self.values(items)?))
            }
            _ => None,
        })
    }

    fn values(&mut self, ids: &[Id]) -> Result<Vec<Value>, Error> {
        ids.iter().map(|&id| self.value(id)).collect()
    }

    fn pairs(&mut self, pairs: &[(Id, Id)]) -> Result<Vec<(Value, Value)>, Error> {
        pairs.iter().map(|&(key, value)| Ok((self.value(key)?, self.value(value)?))).collect()
    }

    fn latin1(&mut self, text: &str) -> Result<Vec<u8>, Error> {
        self.spend(text.len() as u64)?;
        let bytes: Option<Vec<u8>> = text.chars().map(|char| u8::try_from(u32::from(char)).ok()).collect();
        bytes.ok_or_else(|| Error::Object { what: "bytes written as text beyond Latin-1".into() })
    }

    fn text(&mut self, text: &str) -> Result<String, Error> {
        self.spend(text.len() as u64)?;
        Ok(text.to_string())
    }

    fn copy(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        self.spend(bytes.len() as u64)?;
        Ok(bytes.to_vec())
    }

    fn spend(&mut self, cost: u64) -> Result<(), Error> {
        match self.budget.checked_sub(cost) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(Error::Limit {
                what: "size of a pickle once its shared parts are repeated",
                limit: self.limit,
            }),
        }
    }
}
