//! The plan as it arrives: JSON, every field known, nothing believed yet.

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// A whole conversion as data.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Plan {
    pub version: u32,
    #[serde(default)]
    pub container: Container,
    pub sources: Vec<SourceFile>,
    pub tensors: Vec<SourceTensor>,
    pub objects: BTreeMap<String, serde_json::Value>,
    pub forms: Vec<Form>,
    /// What low-rank updates are made of.
    #[serde(default)]
    pub matrices: Vec<Matrix>,
    pub keys: Vec<Key>,
    pub files: Vec<TargetFile>,
    /// Payloads begin where their blocks can be shared with the source's.
    #[serde(default)]
    pub share: bool,
    /// The index of a torch_dist checkpoint.
    pub metadata: Option<MetadataFile>,
    pub archives: Vec<Archive>,
}

/// What the target files are.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// Zip archives and objects back to back, with an index in a file of its own.
    #[default]
    TorchDist,
    /// A header, then whole tensors.
    Safetensors,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    pub path: PathBuf,
    /// Length of the whole file when the plan was made.
    pub bytes: u64,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SourceTensor {
    pub name: String,
    pub source: usize,
    pub dtype: String,
    pub shape: Vec<u64>,
    pub begin: u64,
    pub end: u64,
}

/// A tensor of the checkpoint, whole.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    pub key: String,
    pub dtype: String,
    pub shape: Vec<u64>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// Relative to the root.
    pub path: String,
    pub rank: u32,
    /// What a safetensors header tells besides its tensors.
    #[serde(default)]
    pub header: BTreeMap<String, String>,
    pub items: Vec<Item>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Item {
    Tensor(TensorItem),
    Object(ObjectItem),
}

/// A chunk of a tensor. The copies of its form count `tensors`, which are positions in the plan's tensors.
#[derive(Debug, Serialize)]
pub struct TensorItem {
    pub key: usize,
    pub offsets: Vec<u64>,
    pub form: usize,
    pub tensors: Vec<usize>,
}

/// How a chunk is filled. Layers and experts repeat themselves, so a model of a hundred thousand tensors has a few
/// dozen forms. `extent` is the space in which the copies are given; its row-major order is the payload's.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    pub sizes: Vec<u64>,
    pub extent: Vec<u64>,
    pub copies: Vec<Copy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill: Option<Fill>,
}

/// A float32 matrix or vector of a form's sizes, put together from source tensors.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Matrix {
    pub form: usize,
    pub tensors: Vec<usize>,
}

/// What elements hold that no copy covers.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Fill {
    Zero,
    One,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    /// Position among the tensors of the item.
    pub tensor: usize,
    pub start: Vec<u64>,
    pub size: Vec<u64>,
    /// In elements of the source tensor.
    pub offset: u64,
    pub strides: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op: Option<CopyOp>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CopyOp {
    /// Subtract one in the source's dtype.
    MinusOne,
    /// Add one in the source's dtype.
    PlusOne,
    /// A block-scaled float8 matrix of `columns` columns: each `block` of it has a value in the item's tensor `scale`,
    /// which is `rounded` to bfloat16 where it says so.
    DequantBlock {
        scale: usize,
        block: [u64; 2],
        columns: u64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        rounded: bool,
    },
    /// Two four-bit floats a byte, each 32 of them with a power-of-two scale in tensor `scale`. Offset and strides
    /// count the four-bit elements.
    DequantMxfp4 { scale: usize },
    /// Eight four-bit integers an I32, offset by eight, each `group` of them with a value in the item's tensor `scale`.
    /// Offset and strides count the four-bit elements.
    DequantInt4 { scale: usize, group: u64 },
    /// A matrix with updates of low rank added.
    LowRank(LowRank),
}

/// A row-major matrix of `rows` × `columns` from element `offset` of a tensor on. Its elements are rounded to `dtype`,
/// and again after each update.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LowRank {
    pub offset: u64,
    pub rows: u64,
    pub columns: u64,
    /// torch name.
    pub dtype: String,
    pub updates: Vec<Update>,
}

/// Adds `scale` · left · right.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// Number of a matrix of the plan, of one row for each row to update.
    pub left: usize,
    /// Number of a matrix of one column for each column; without it `left` is the whole product.
    pub right: Option<usize>,
    pub scale: f32,
    /// Round the product before it is added.
    #[serde(default)]
    pub rounded: bool,
    pub magnitude: Option<Magnitude>,
}

/// After an update every row or column is stretched to these lengths.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Magnitude {
    /// Number of a vector.
    pub lengths: usize,
    pub of: Lines,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Lines {
    Rows,
    Columns,
}

#[derive(Debug, Serialize)]
pub struct ObjectItem {
    pub key: String,
    pub object: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MetadataFile {
    pub path: String,
    pub checkpoint_id: String,
    pub save_id: String,
}

/// A file that is one torch.save archive.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    pub path: String,
    pub object: String,
}

/// By hand, since a plan has a hundred thousand items: serde tries the variants of an untagged enum one after the other
/// on a copy of the value.
impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ItemVisitor)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum ItemField {
    Key,
    Offsets,
    Form,
    Tensors,
    Object,
}

/// Tensor chunks number their key, objects spell it.
#[derive(Deserialize)]
#[serde(untagged)]
enum ItemKey {
    Number(usize),
    Name(String),
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a tensor chunk or an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
        let (mut key, mut offsets, mut form, mut tensors, mut object) = (None, None, None, None, None);
        while let Some(field) = map.next_key()? {
            match field {
                ItemField::Key => key = Some(map.next_value()?),
                ItemField::Offsets => offsets = Some(map.next_value()?),
                ItemField::Form => form = Some(map.next_value()?),
                ItemField::Tensors => tensors = Some(map.next_value()?),
                ItemField::Object => object = Some(map.next_value()?),
            }
        }
        match (key, offsets, form, tensors, object) {
            (Some(ItemKey::Number(key)), Some(offsets), Some(form), Some(tensors), None) => {
                Ok(Item::Tensor(TensorItem { key, offsets, form, tensors }))
            }
            (Some(ItemKey::Name(key)), None, None, None, Some(object)) => {
                Ok(Item::Object(ObjectItem { key, object }))
            }
            _ => Err(A::Error::custom("an item is neither a tensor chunk nor an object")),
        }
    }
}
