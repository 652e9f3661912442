//! Which names a pickle may mention. None is ever imported or called.

use crate::{Error, TorchDtype};

/// What to make of classes and functions that a pickle names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Globals {
    /// Only what plain data and tensors need; any other name is an error.
    Plain,
    /// Any name, kept unread: for inspecting what a training run left in `common.pt`.
    Opaque,
}

/// The two faces that a list of allowed names has for the parser.
#[derive(Clone, Copy)]
pub(crate) enum Allowed {
    Any,
    Plain,
    /// `(module, names)` rows.
    Only(&'static [(&'static str, &'static [&'static str])]),
}

impl From<Globals> for Allowed {
    fn from(globals: Globals) -> Self {
        match globals {
            Globals::Plain => Allowed::Plain,
            Globals::Opaque => Allowed::Any,
        }
    }
}

const BUILTINS: &[&str] = &["bytearray", "bytes", "frozenset", "set"];

#[rustfmt::skip]
const PLAIN: &[(&str, &[&str])] = &[
    ("__builtin__",   BUILTINS),
    ("_codecs",       &["encode"]),
    ("builtins",      BUILTINS),
    ("collections",   &["OrderedDict"]),
    ("torch",         &["Size"]),
    ("torch._utils",  &["_rebuild_parameter", "_rebuild_tensor_v2", "_rebuild_tensor_v3"]),
    ("torch.storage", &["UntypedStorage"]),
];

impl Allowed {
    pub(crate) fn check(self, module: &str, name: &str) -> Result<(), Error> {
        let listed = |table: &[(&str, &[&str])]| {
            table.iter().any(|(listed, names)| *listed == module && names.contains(&name))
        };
        let allowed = match self {
            Allowed::Any => true,
            Allowed::Only(table) => listed(table) || is_dtype(module, name),
            Allowed::Plain => listed(PLAIN) || is_dtype(module, name) || is_storage(module, name),
        };
        if allowed {
            return Ok(());
        }
        Err(Error::Global { module: module.to_string(), name: name.to_string() })
    }
}

fn is_dtype(module: &str, name: &str) -> bool {
    module == "torch" && TorchDtype::ALL.iter().any(|dtype| dtype.name() == name)
}

fn is_storage(module: &str, name: &str) -> bool {
    module == "torch" && TorchDtype::from_storage_class(name).is_some()
}
