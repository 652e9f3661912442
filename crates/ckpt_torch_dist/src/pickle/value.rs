use crate::TorchDtype;

/// A Python object as a tree.
///
/// Reading never imports or calls anything: what a pickle would construct and this crate does not
/// know stays a [`Value::Global`] or [`Value::Object`], names and arguments kept for inspection.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond i64: two's complement, little-endian, as pickle stores it.
    BigInt(Vec<u8>),
    Float(f64),
    Str(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    /// Pairs in insertion order; also what `collections.OrderedDict` reads as.
    Dict(Vec<(Value, Value)>),
    Set(Vec<Value>),
    FrozenSet(Vec<Value>),
    /// A CPU tensor: row-major little-endian elements.
    Tensor {
        dtype: TorchDtype,
        shape: Vec<u64>,
        data: Vec<u8>,
    },
    /// A class, function or constant by name, never looked up.
    Global {
        module: String,
        name: String,
    },
    /// An object that a call would make, never called.
    Object(Box<Object>),
    /// A reference to something outside the pickle.
    PersistentId(Box<Value>),
}

/// How a pickle makes an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// `callable(*args)`
    Call,
    /// `callable.__new__(callable, *args)`
    New,
}

/// An object as its pickle describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    pub how: How,
    pub callable: Value,
    pub args: Value,
    /// What the object's `__setstate__` or `__dict__` would receive.
    pub state: Option<Value>,
    /// Elements appended afterwards, for subclasses of list.
    pub items: Vec<Value>,
    /// Pairs set afterwards, for subclasses of dict.
    pub pairs: Vec<(Value, Value)>,
}

impl Value {
    pub fn str(text: &str) -> Self {
        Value::Str(text.to_string())
    }

    pub fn global(module: &str, name: &str) -> Self {
        Value::Global { module: module.to_string(), name: name.to_string() }
    }

    /// The value under a string key of a dict.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let Value::Dict(pairs) = self else { return None };
        pairs.iter().find(|(k, _)| matches!(k, Value::Str(k) if k == key)).map(|(_, value)| value)
    }
}
