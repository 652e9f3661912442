//! The table of element types.

/// An element type of a safetensors file or a torch tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[rustfmt::skip]
#[allow(non_camel_case_types, reason = "the names that safetensors headers use")]
pub enum Dtype {
    BOOL, U8, I8, U16, I16, U32, I32, U64, I64,
    F4, F6_E2M3, F6_E3M2, F8_E4M3, F8_E5M2, F8_E8M0, F16, BF16, F32, F64, C64,
}

use Dtype::*;

/// Type, safetensors name, torch name (where torch has one that a checkpoint can hold), bits an element.
#[rustfmt::skip]
const TABLE: &[(Dtype, &str, Option<&str>, u32)] = &[
    (BF16,    "BF16",    Some("bfloat16"),       16),
    (BOOL,    "BOOL",    Some("bool"),            8),
    (C64,     "C64",     Some("complex64"),      64),
    (F16,     "F16",     Some("float16"),        16),
    (F32,     "F32",     Some("float32"),        32),
    (F4,      "F4",      None,                    4),
    (F64,     "F64",     Some("float64"),        64),
    (F6_E2M3, "F6_E2M3", None,                    6),
    (F6_E3M2, "F6_E3M2", None,                    6),
    (F8_E4M3, "F8_E4M3", Some("float8_e4m3fn"),   8),
    (F8_E5M2, "F8_E5M2", Some("float8_e5m2"),     8),
    (F8_E8M0, "F8_E8M0", Some("float8_e8m0fnu"),  8),
    (I16,     "I16",     Some("int16"),          16),
    (I32,     "I32",     Some("int32"),          32),
    (I64,     "I64",     Some("int64"),          64),
    (I8,      "I8",      Some("int8"),            8),
    (U16,     "U16",     Some("uint16"),         16),
    (U32,     "U32",     Some("uint32"),         32),
    (U64,     "U64",     Some("uint64"),         64),
    (U8,      "U8",      Some("uint8"),           8),
];

impl Dtype {
    fn row(self) -> &'static (Dtype, &'static str, Option<&'static str>, u32) {
        TABLE.iter().find(|row| row.0 == self).expect("every type has a row")
    }

    pub fn from_safetensors(name: &str) -> Option<Dtype> {
        TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    pub fn from_torch(name: &str) -> Option<Dtype> {
        TABLE.iter().find(|row| row.2 == Some(name)).map(|row| row.0)
    }

    pub fn safetensors_name(self) -> &'static str {
        self.row().1
    }

    pub fn torch_name(self) -> Option<&'static str> {
        self.row().2
    }

    pub fn bits(self) -> u32 {
        self.row().3
    }

    /// Bytes an element; `None` for types packed below a byte.
    pub fn size(self) -> Option<usize> {
        let bits = self.bits() as usize;
        bits.is_multiple_of(8).then_some(bits / 8)
    }

    /// Bytes that `elements` occupy; `None` on overflow or when they end inside a byte.
    pub fn byte_len(self, elements: u64) -> Option<u64> {
        let bits = elements.checked_mul(u64::from(self.bits()))?;
        bits.is_multiple_of(8).then_some(bits / 8)
    }

    /// The little-endian bytes of the number one, for the floating types that are cast into each other.
    pub fn one(self) -> Option<&'static [u8]> {
        match self {
            BF16 => Some(&[0x80, 0x3f]),
            F16 => Some(&[0x00, 0x3c]),
            F32 => Some(&[0x00, 0x00, 0x80, 0x3f]),
            _ => None,
        }
    }

    /// The floating types that are cast into each other.
    pub fn is_castable_float(self) -> bool {
        matches!(self, BF16 | F16 | F32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for row in TABLE {
            assert_eq!(Dtype::from_safetensors(row.1), Some(row.0));
            assert_eq!(row.0.safetensors_name(), row.1);
            if let Some(torch) = row.2 {
                assert_eq!(Dtype::from_torch(torch), Some(row.0));
            }
        }
        assert_eq!(Dtype::from_safetensors("bf16"), None);
    }

    #[test]
    fn one_is_as_wide_as_its_type() {
        for row in TABLE {
            assert_eq!(row.0.one().is_some(), row.0.is_castable_float());
            assert!(row.0.one().is_none_or(|bytes| Some(bytes.len()) == row.0.size()));
        }
    }

    #[test]
    fn byte_lengths_are_checked() {
        assert_eq!(F4.byte_len(3), None);
        assert_eq!(F4.byte_len(4), Some(2));
        assert_eq!(F64.byte_len(u64::MAX / 8), None);
        assert_eq!(F4.size(), None);
        assert_eq!(BF16.size(), Some(2));
    }
}
