use std::io;

/// What a file of a checkpoint, or a request to write one, got wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("dtype {name} is not one that torch checkpoints hold")]
    Dtype { name: String },

    #[error("{what}: shape {shape:?}")]
    Shape { what: &'static str, shape: Vec<u64> },

    #[error("payload phase {residue} modulo {modulus}: the modulus must be 1 to {max}, the residue below it")]
    Phase { modulus: u64, residue: u64, max: u64 },

    #[error("the pickle ends inside {what} at byte {position}")]
    Truncated { what: &'static str, position: usize },

    #[error("pickle opcode 0x{opcode:02x} at byte {position} is not one that torch or CPython writes here")]
    Opcode { opcode: u8, position: usize },

    #[error("the pickle names {module}.{name}, which does not belong in such a file; nothing was run")]
    Global { module: String, name: String },

    #[error("the pickle is not well formed: {what} at byte {position}")]
    Pickle { what: &'static str, position: usize },

    #[error("the object is not what it should be: {what}")]
    Object { what: String },

    #[error("{what} beyond the limit of {limit}")]
    Limit { what: &'static str, limit: u64 },

    #[error("not a torch.save archive: {what}")]
    Archive { what: &'static str },

    #[error("record {name} of the archive: {what}")]
    Record { name: String, what: &'static str },

    #[error("record {name}: CRC-32 is {found:08x}, the archive says {expected:08x}")]
    Crc { name: String, expected: u32, found: u32 },

    #[error(".metadata: {what}")]
    Metadata { what: String },

    #[error("reading the archive failed")]
    Io(#[from] io::Error),
}
