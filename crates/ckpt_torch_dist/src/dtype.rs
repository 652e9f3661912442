//! torch's element types: names, sizes and the storage classes that its pickles name.

use crate::Error;

macro_rules! dtypes {
    ($($variant:ident $name:literal $size:literal $storage:expr;)*) => {
        /// A torch element type that a checkpoint may hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum TorchDtype { $($variant),* }

        impl TorchDtype {
            /// Every dtype, in the table's order.
            pub const ALL: &'static [TorchDtype] = &[$(TorchDtype::$variant),*];

            /// torch's name without the module: `bfloat16`.
            pub fn name(self) -> &'static str {
                match self { $(TorchDtype::$variant => $name),* }
            }

            /// Bytes per element.
            pub fn size(self) -> u64 {
                match self { $(TorchDtype::$variant => $size),* }
            }

            /// The `torch.<X>Storage` class that torch.save names for this dtype. None for the
            /// dtypes younger than those classes: torch.save writes `torch.storage.UntypedStorage`
            /// (counted in bytes) and adds the dtype to the arguments of `_rebuild_tensor_v3`.
            pub fn storage_class(self) -> Option<&'static str> {
                match self { $(TorchDtype::$variant => $storage),* }
            }
        }
    };
}

#[rustfmt::skip]
dtypes! {
    BFloat16       "bfloat16"        2  Some("BFloat16Storage");
    Bool           "bool"            1  Some("BoolStorage");
    Complex64      "complex64"       8  Some("ComplexFloatStorage");
    Complex128     "complex128"      16 Some("ComplexDoubleStorage");
    Float16        "float16"         2  Some("HalfStorage");
    Float32        "float32"         4  Some("FloatStorage");
    Float64        "float64"         8  Some("DoubleStorage");
    Float8E4M3Fn   "float8_e4m3fn"   1  None;
    Float8E4M3Fnuz "float8_e4m3fnuz" 1  None;
    Float8E5M2     "float8_e5m2"     1  None;
    Float8E5M2Fnuz "float8_e5m2fnuz" 1  None;
    Float8E8M0Fnu  "float8_e8m0fnu"  1  None;
    Int8           "int8"            1  Some("CharStorage");
    Int16          "int16"           2  Some("ShortStorage");
    Int32          "int32"           4  Some("IntStorage");
    Int64          "int64"           8  Some("LongStorage");
    UInt8          "uint8"           1  Some("ByteStorage");
    UInt16         "uint16"          2  None;
    UInt32         "uint32"          4  None;
    UInt64         "uint64"          8  None;
}

impl TorchDtype {
    /// Looks a dtype up by torch's name, with or without the `torch.` in front.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        let bare = name.strip_prefix("torch.").unwrap_or(name);
        let found = Self::ALL.iter().copied().find(|dtype| dtype.name() == bare);
        found.ok_or_else(|| Error::Dtype { name: name.to_string() })
    }

    pub(crate) fn from_storage_class(class: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|dtype| dtype.storage_class() == Some(class))
    }

    /// Bytes of a tensor of this shape. Error: they, or its strides, do not fit in an i64 (torch's
    /// own limit).
    pub fn bytes_of(self, shape: &[u64]) -> Result<u64, Error> {
        let product =
            |least: u64| shape.iter().try_fold(self.size(), |p, &size| p.checked_mul(size.max(least)));
        match (product(1), product(0)) {
            (Some(bound), Some(bytes)) if i64::try_from(bound).is_ok() => Ok(bytes),
            _ => Err(Error::Shape { what: "tensor larger than 2^63 bytes", shape: shape.to_vec() }),
        }
    }
}

/// Row-major strides in elements, as torch counts them: an axis of size 0 counts as 1.
pub(crate) fn row_major_strides(shape: &[u64]) -> Vec<u64> {
    let mut strides = vec![1u64; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1));
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for &dtype in TorchDtype::ALL {
            assert_eq!(TorchDtype::from_name(dtype.name()).unwrap(), dtype);
            assert_eq!(TorchDtype::from_name(&format!("torch.{}", dtype.name())).unwrap(), dtype);
        }
        assert!(matches!(TorchDtype::from_name("qint8"), Err(Error::Dtype { .. })));
    }

    #[test]
    fn sizes_are_checked() {
        assert_eq!(TorchDtype::Float32.bytes_of(&[2, 3]).unwrap(), 24);
        assert_eq!(TorchDtype::Float32.bytes_of(&[]).unwrap(), 4);
        assert_eq!(TorchDtype::Float32.bytes_of(&[0, 8]).unwrap(), 0);
        assert!(TorchDtype::Float32.bytes_of(&[u64::MAX, 0]).is_err());
        assert!(TorchDtype::Float32.bytes_of(&[1 << 62]).is_err());
        assert!(TorchDtype::Float32.bytes_of(&[u64::MAX, 2]).is_err());
    }

    #[test]
    fn strides_are_row_major() {
        assert_eq!(row_major_strides(&[1, 2, 3]), [6, 3, 1]);
        assert_eq!(row_major_strides(&[2, 0, 3]), [3, 3, 1]);
        assert!(row_major_strides(&[]).is_empty());
    }
}
