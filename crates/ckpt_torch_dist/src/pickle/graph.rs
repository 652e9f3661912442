//! What a pickle describes, as a graph: nodes refer to each other by number, so shared and even
//! recursive objects cost no more than the pickle does.

use crate::Error;

pub(crate) type Id = u32;

#[derive(Debug)]
pub(crate) enum Node<'a> {
    None,
    Bool(bool),
    Int(i64),
    BigInt(&'a [u8]),
    Float(f64),
    Str(&'a str),
    Bytes(&'a [u8]),
    Tuple(Box<[Id]>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Set(Vec<Id>),
    FrozenSet(Box<[Id]>),
    Global(&'a str, &'a str),
    Object(Box<ObjectNode>),
    PersistentId(Id),
}

#[derive(Debug)]
pub(crate) struct ObjectNode {
    pub(crate) how: super::How,
    pub(crate) callable: Id,
    pub(crate) args: Id,
    pub(crate) state: Option<Id>,
    pub(crate) items: Vec<Id>,
    pub(crate) pairs: Vec<(Id, Id)>,
}

#[derive(Debug)]
pub(crate) struct Graph<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) root: Id,
}

impl<'a> Graph<'a> {
    pub(crate) fn node(&self, id: Id) -> &Node<'a> {
        &self.nodes[id as usize]
    }

    pub(crate) fn str(&self, id: Id, what: &str) -> Result<&'a str, Error> {
        match self.node(id) {
            Node::Str(text) => Ok(text),
            _ => Err(self.unexpected(id, what, "a string")),
        }
    }

    /// A count, size or position: an integer that is not negative.
    pub(crate) fn uint(&self, id: Id, what: &str) -> Result<u64, Error> {
        match self.node(id) {
            Node::Int(value) if *value >= 0 => Ok(*value as u64),
            _ => Err(self.unexpected(id, what, "an integer of at least 0")),
        }
    }

    pub(crate) fn tuple(&self, id: Id, what: &str) -> Result<&[Id], Error> {
        match self.node(id) {
            Node::Tuple(items) => Ok(items),
            _ => Err(self.unexpected(id, what, "a tuple")),
        }
    }

    pub(crate) fn dict(&self, id: Id, what: &str) -> Result<&[(Id, Id)], Error> {
        match self.node(id) {
            Node::Dict(pairs) => Ok(pairs),
            _ => Err(self.unexpected(id, what, "a dict")),
        }
    }

    pub(crate) fn global(&self, id: Id, what: &str) -> Result<(&'a str, &'a str), Error> {
        match self.node(id) {
            Node::Global(module, name) => Ok((module, name)),
            _ => Err(self.unexpected(id, what, "a global")),
        }
    }

    /// An object and the module and name that made it.
    pub(crate) fn object(&self, id: Id, what: &str) -> Result<((&'a str, &'a str), &ObjectNode), Error> {
        match self.node(id) {
            Node::Object(object) => Ok((self.global(object.callable, what)?, object)),
            _ => Err(self.unexpected(id, what, "an object")),
        }
    }

    pub(crate) fn uints(&self, ids: &[Id], what: &str) -> Result<Vec<u64>, Error> {
        ids.iter().map(|&id| self.uint(id, what)).collect()
    }

    pub(crate) fn unexpected(&self, id: Id, what: &str, wanted: &str) -> Error {
        let found = match self.node(id) {
            Node::None => "None".to_string(),
            Node::Bool(_) => "a bool".to_string(),
            Node::Int(value) => value.to_string(),
            Node::BigInt(_) => "an integer beyond 64 bits".to_string(),
            Node::Float(_) => "a float".to_string(),
            Node::Str(_) => "a string".to_string(),
            Node::Bytes(_) => "bytes".to_string(),
            Node::Tuple(_) => "a tuple".to_string(),
            Node::List(_) => "a list".to_string(),
            Node::Dict(_) => "a dict".to_string(),
            Node::Set(_) | Node::FrozenSet(_) => "a set".to_string(),
            Node::Global(module, name) => format!("{module}.{name}"),
            Node::Object(object) => match self.node(object.callable) {
                Node::Global(module, name) => format!("an object of {module}.{name}"),
                _ => "an object".to_string(),
            },
            Node::PersistentId(_) => "a persistent id".to_string(),
        };
        Error::Object { what: format!("{what} is {found}, not {wanted}") }
    }
}
