//! What the plan claims, checked: every index, range, size and name, before a byte is written.

use crate::Error;
use crate::boxes::Boxes;
use crate::cover::{Span, disjoint};
use crate::low_rank::Stretches;
use crate::plan::{
    Container, Copy, CopyOp, Fill, Form, Item, Lines, LowRank, Magnitude, Matrix, Plan, SourceTensor,
    TensorItem,
};
use crate::value;
use ckpt_tensor::dequant::Mxfp4;
use ckpt_tensor::int4::Int4;
use ckpt_tensor::{Dtype, Kernel, Op};
use ckpt_torch_dist::{TorchDtype, Value, save_object};
use std::collections::{BTreeMap, HashSet};

/// A plan whose claims hold, with names turned into what they stand for.
pub struct Checked {
    pub plan: Plan,
    /// Element types of `plan.tensors`, by position.
    pub tensor_dtypes: Vec<Dtype>,
    /// Element types of `plan.keys`, by position.
    pub key_dtypes: Vec<(Dtype, TorchDtype)>,
    /// The copies of `plan.forms`, by position.
    pub boxes: Vec<Boxes>,
    /// The objects as they are stored in a data file; there are few, and many items hold the same one.
    pub objects: BTreeMap<String, Vec<u8>>,
    /// The objects as values, but for those that are given as they are stored.
    pub values: BTreeMap<String, Value>,
    /// What magnitudes of low-rank updates come to, once somebody has worked it out.
    pub stretches: Stretches,
}

impl Checked {
    /// The sizes of a chunk.
    pub fn sizes(&self, item: &TensorItem) -> &[u64] {
        &self.plan.forms[item.form].sizes
    }

    /// The sizes of a matrix.
    pub fn shape(&self, matrix: &Matrix) -> &[u64] {
        &self.plan.forms[matrix.form].sizes
    }
}

/// Checks a decoded plan. Errors name the first claim that does not hold.
pub fn check(plan: Plan) -> Result<Checked, Error> {
    if plan.version != 2 {
        return Err(fault(format!("version {} is not known", plan.version)));
    }
    let tensor_dtypes = plan.tensors.iter().map(|tensor| {
        let dtype =
            Dtype::from_safetensors(&tensor.dtype).ok_or_else(|| fault(format!("dtype {}", tensor.dtype)))?;
        let source = plan
            .sources
            .get(tensor.source)
            .ok_or_else(|| fault(format!("{} is in no source", tensor.name)))?;
        let bytes = volume(&tensor.shape).and_then(|n| dtype.byte_len(n));
        if bytes.is_none() || tensor.end > source.bytes || bytes != tensor.end.checked_sub(tensor.begin) {
            return Err(fault(format!("{} is not where its shape and dtype say", tensor.name)));
        }
        Ok(dtype)
    });
    let tensor_dtypes = tensor_dtypes.collect::<Result<Vec<_>, _>>()?;
    let key_dtypes = plan.keys.iter().map(|key| {
        let dtype = Dtype::from_torch(&key.dtype).filter(|dtype| dtype.size().is_some());
        let both = dtype.zip(TorchDtype::from_name(&key.dtype).ok());
        both.ok_or_else(|| fault(format!("dtype {} of {}", key.dtype, key.key)))
    });
    let key_dtypes = key_dtypes.collect::<Result<Vec<_>, _>>()?;
    let mut values = BTreeMap::new();
    let mut objects = BTreeMap::new();
    for (name, json) in &plan.objects {
        if let Some(bytes) = value::stored(json)? {
            objects.insert(name.clone(), bytes);
            continue;
        }
        let value = value::decode(json)?;
        objects.insert(name.clone(), save_object(&value, "archive"));
        values.insert(name.clone(), value);
    }
    let boxes = plan.forms.iter().enumerate().map(|(at, form)| {
        check_form(form).map_err(|what| fault(format!("form {at} {what}")))?;
        Ok(Boxes::new(form))
    });
    let boxes = boxes.collect::<Result<Vec<_>, Error>>()?;
    let stretches = Stretches::default();
    let checked = Checked { plan, tensor_dtypes, key_dtypes, boxes, objects, values, stretches };
    check_container(&checked.plan)?;
    check_matrices(&checked)?;
    check_paths(&checked)?;
    check_items(&checked)?;
    Ok(checked)
}

fn fault(what: String) -> Error {
    Error::Plan(what)
}

fn volume(shape: &[u64]) -> Option<u64> {
    shape.iter().try_fold(1u64, |product, &n| product.checked_mul(n))
}

/// What each container can hold.
fn check_container(plan: &Plan) -> Result<(), Error> {
    match plan.container {
        Container::TorchDist => {
            if plan.metadata.is_none() {
                return Err(fault("a torch_dist checkpoint has no .metadata".into()));
            }
            if let Some(file) = plan.files.iter().find(|file| !file.header.is_empty()) {
                return Err(fault(format!("{} has a header, and its container has none", file.path)));
            }
        }
        Container::Safetensors => {
            if plan.metadata.is_some() || !plan.archives.is_empty() {
                return Err(fault("safetensors files come with .metadata or archives".into()));
            }
        }
    }
    Ok(())
}

/// Targets are plain relative paths, none the same as another or as a folder of another.
fn check_paths(checked: &Checked) -> Result<(), Error> {
    let Checked { plan, values, .. } = checked;
    let files = plan.files.iter().map(|file| &file.path);
    let archives = plan.archives.iter().map(|archive| &archive.path);
    let mut seen = HashSet::new();
    let mut folders = HashSet::new();
    for path in files.chain(archives).chain(plan.metadata.iter().map(|metadata| &metadata.path)) {
        // Separators, drives and streams of every system that we run on.
        let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']);
        if !path.split('/').all(plain) {
            return Err(fault(format!("path {path:?} is not a plain path inside the checkpoint")));
        }
        folders.extend(path.match_indices('/').map(|(at, _)| &path[..at]));
        if !seen.insert(path.as_str()) {
            return Err(fault(format!("path {path} is there twice")));
        }
    }
    if let Some(path) = seen.intersection(&folders).next() {
        return Err(fault(format!("path {path} is a file and a folder")));
    }
    for archive in &plan.archives {
        if !values.contains_key(&archive.object) {
            return Err(fault(format!("{} holds {}, which is not defined", archive.path, archive.object)));
        }
    }
    Ok(())
}

fn check_items(checked: &Checked) -> Result<(), Error> {
    let mut names: HashSet<&str> = checked.plan.keys.iter().map(|key| key.key.as_str()).collect();
    if names.len() != checked.plan.keys.len() {
        return Err(fault("a key is there twice".into()));
    }
    let mut chunks: Vec<Vec<Span>> = vec![Vec::new(); checked.plan.keys.len()];
    for item in checked.plan.files.iter().flat_map(|file| &file.items) {
        match item {
            Item::Object(object) => {
                if checked.plan.container == Container::Safetensors {
                    return Err(fault(format!("{} is an object in a safetensors file", object.key)));
                }
                if !checked.objects.contains_key(&object.object) {
                    return Err(fault(format!(
                        "{} holds {}, which is not defined",
                        object.key, object.object
                    )));
                }
                if !names.insert(&object.key) {
                    return Err(fault(format!("{} is there twice", object.key)));
                }
            }
            Item::Tensor(item) => {
                let sizes = check_tensor_item(checked, item)?;
                chunks[item.key].push((&item.offsets, sizes));
            }
        }
    }
    for (key, grid) in checked.plan.keys.iter().zip(chunks) {
        let stored =
            grid.iter().try_fold(0u64, |sum, (_, sizes)| volume(sizes).and_then(|n| sum.checked_add(n)));
        let whole = volume(&key.shape);
        // An empty tensor needs a chunk too, or nobody would find it in the checkpoint.
        if grid.is_empty() || whole.is_none() || stored != whole || !disjoint(grid) {
            return Err(fault(format!("the chunks of {} do not cover it exactly once", key.key)));
        }
    }
    Ok(())
}

/// Everything about a form that no item can change: its copies are inside its extent, none over another, and leave
/// nothing out that is not filled.
fn check_form(form: &Form) -> Result<(), String> {
    let elements = volume(&form.extent);
    if elements.is_none() || elements != volume(&form.sizes) {
        return Err("has copies in a space of another size".into());
    }
    let mut covered = 0u64;
    for copy in &form.copies {
        covered = covered.saturating_add(check_box(form, copy)?);
    }
    if !disjoint(form.copies.iter().map(|copy| (copy.start.as_slice(), copy.size.as_slice()))) {
        return Err("is written twice in places".into());
    }
    if Some(covered) != elements && form.fill.is_none() {
        return Err("is not covered".into());
    }
    Ok(())
}

/// The number of elements that a copy covers.
fn check_box(form: &Form, copy: &Copy) -> Result<u64, String> {
    let rank = form.extent.len();
    if copy.start.len() != rank || copy.size.len() != rank || copy.strides.len() != rank {
        return Err("has a copy of another rank".into());
    }
    for d in 0..rank {
        let (start, size) = (copy.start[d], copy.size[d]);
        if size == 0 || start.checked_add(size).is_none_or(|end| end > form.extent[d]) {
            return Err("has a copy that leaves it".into());
        }
    }
    last_element(copy).ok_or("has a copy with a stride beyond all bounds")?;
    volume(&copy.size).ok_or_else(|| "has a copy beyond all bounds".into())
}

/// The last source element that a copy reads.
fn last_element(copy: &Copy) -> Option<u64> {
    let axes = copy.size.iter().zip(&copy.strides);
    axes.into_iter().try_fold(copy.offset, |last, (&size, &stride)| {
        size.checked_sub(1)?.checked_mul(stride)?.checked_add(last)
    })
}

/// The chunk's sizes.
fn check_tensor_item<'c>(checked: &'c Checked, item: &TensorItem) -> Result<&'c [u64], Error> {
    let key = checked.plan.keys.get(item.key).ok_or_else(|| fault(format!("key number {}", item.key)))?;
    let wrong = |what: &str| fault(format!("a chunk of {} {what}", key.key));
    let form = checked.plan.forms.get(item.form).ok_or_else(|| wrong("has an unknown form"))?;
    if item.offsets.len() != key.shape.len() || form.sizes.len() != key.shape.len() {
        return Err(wrong("has another rank than it"));
    }
    for ((&offset, &size), &n) in item.offsets.iter().zip(&form.sizes).zip(&key.shape) {
        if offset.checked_add(size).is_none_or(|end| end > n) {
            return Err(wrong("leaves it"));
        }
    }
    if checked.plan.container == Container::Safetensors && form.sizes != key.shape {
        return Err(wrong("is in a safetensors file, which holds whole tensors"));
    }
    let bytes = volume(&form.extent).and_then(|n| checked.key_dtypes[item.key].0.byte_len(n));
    if bytes.is_none_or(|bytes| bytes > i64::MAX as u64) {
        return Err(wrong("is too large"));
    }
    if form.fill == Some(Fill::One) && checked.key_dtypes[item.key].0.one().is_none() {
        return Err(wrong("is to be filled with a number that its dtype lacks"));
    }
    for copy in &form.copies {
        check_copy(checked, &item.tensors, checked.key_dtypes[item.key].0, copy)
            .map_err(|what| wrong(&what))?;
    }
    Ok(&form.sizes)
}

/// Matrices are plain copies: nothing is computed from what is computed.
fn check_matrices(checked: &Checked) -> Result<(), Error> {
    for (at, matrix) in checked.plan.matrices.iter().enumerate() {
        let wrong = |what: &str| fault(format!("matrix {at} {what}"));
        let form = checked.plan.forms.get(matrix.form).ok_or_else(|| wrong("has an unknown form"))?;
        if form.copies.iter().any(|copy| copy.op.is_some()) {
            return Err(wrong("has an operation"));
        }
        for copy in &form.copies {
            check_copy(checked, &matrix.tensors, Dtype::F32, copy).map_err(|what| wrong(&what))?;
        }
    }
    Ok(())
}

/// Whether a copy from one of `tensors` stays inside it and asks for a conversion that exists.
fn check_copy(checked: &Checked, tensors: &[usize], to: Dtype, copy: &Copy) -> Result<(), String> {
    // A position that the item does not fill names no tensor.
    let number = |position: usize| tensors.get(position).copied().unwrap_or(usize::MAX);
    let at = number(copy.tensor);
    let tensor = checked
        .plan
        .tensors
        .get(at)
        .ok_or_else(|| format!("reads its tensor {}, which the plan has not", copy.tensor))?;
    // Packed four-bit elements are counted one by one, their tensor in bytes of two or words of eight.
    let packed = match copy.op {
        Some(CopyOp::DequantMxfp4 { .. }) => 2,
        Some(CopyOp::DequantInt4 { .. }) => Int4::PACKED,
        _ => 1,
    };
    let elements = volume(&tensor.shape).and_then(|n| n.checked_mul(packed));
    let last = last_element(copy);
    if last.zip(elements).is_none_or(|(last, n)| last >= n) {
        return Err(format!("reads past the end of {}", tensor.name));
    }
    let from = checked.tensor_dtypes[at];
    let castable = match &copy.op {
        None => Kernel::new(from, to, Op::None).is_some(),
        Some(CopyOp::MinusOne) => Kernel::new(from, to, Op::MinusOne).is_some(),
        Some(CopyOp::PlusOne) => Kernel::new(from, to, Op::PlusOne).is_some(),
        Some(CopyOp::DequantBlock { scale, block, columns, .. }) => {
            from == Dtype::F8_E4M3
                && to.is_castable_float()
                && block_scales(checked, tensor, number(*scale), *block, *columns).is_some()
        }
        Some(CopyOp::DequantInt4 { scale, group }) => {
            let (scale, group) = (number(*scale), *group);
            let dtype = checked.tensor_dtypes.get(scale).copied();
            from == Dtype::I32
                && to.is_castable_float()
                && dtype.is_some_and(Dtype::is_castable_float)
                && elements.filter(|n| group > 0 && n.is_multiple_of(group)).map(|n| n / group)
                    == checked.plan.tensors.get(scale).and_then(|scale| volume(&scale.shape))
        }
        Some(CopyOp::LowRank(op)) => {
            check_low_rank(checked, op, copy.offset, last)?;
            from.is_castable_float() && to.is_castable_float()
        }
        Some(CopyOp::DequantMxfp4 { scale }) => {
            let scale = number(*scale);
            from == Dtype::U8
                && to.is_castable_float()
                && checked.tensor_dtypes.get(scale) == Some(&Dtype::U8)
                && elements.map(|n| n.div_ceil(Mxfp4::GROUP))
                    == checked.plan.tensors.get(scale).and_then(|scale| volume(&scale.shape))
        }
    };
    if !castable {
        return Err(format!(
            "would need a cast of {} from {} that does not exist",
            tensor.name, tensor.dtype
        ));
    }
    Ok(())
}

/// A copy of elements `first` to `last` stays in the operation's matrix, and its updates have the matrix's shape.
fn check_low_rank(checked: &Checked, op: &LowRank, first: u64, last: Option<u64>) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("has a low-rank update {what}"));
    let end = op.rows.checked_mul(op.columns).and_then(|n| n.checked_add(op.offset));
    if first < op.offset || last.zip(end).is_none_or(|(last, end)| last >= end) {
        return wrong("of another part of the tensor");
    }
    if !Dtype::from_torch(&op.dtype).is_some_and(Dtype::is_castable_float) {
        return wrong(&format!("in {}", op.dtype));
    }
    let shape = |matrix: usize| checked.plan.matrices.get(matrix).map(|matrix| checked.shape(matrix));
    for update in &op.updates {
        let fits = match (shape(update.left), update.right.map(shape)) {
            (Some(&[rows, columns]), None) => rows == op.rows && columns == op.columns,
            (Some(&[rows, left]), Some(Some(&[right, columns]))) => {
                rows == op.rows && columns == op.columns && left == right
            }
            _ => false,
        };
        if !fits {
            return wrong("of another shape");
        }
        if let Some(Magnitude { lengths, of }) = update.magnitude {
            let lines = if of == Lines::Rows { op.rows } else { op.columns };
            if shape(lengths) != Some(&[lines]) {
                return wrong("with magnitudes of another number");
            }
        }
    }
    Ok(())
}

/// The dtype of a block-scaled tensor's scales, when there is one for each block.
fn block_scales(
    checked: &Checked,
    tensor: &SourceTensor,
    scale: usize,
    block: [u64; 2],
    columns: u64,
) -> Option<Dtype> {
    let is_scale = |dtype: &Dtype| dtype.is_castable_float() || *dtype == Dtype::F8_E8M0;
    let dtype = checked.tensor_dtypes.get(scale).copied().filter(is_scale)?;
    let elements = volume(&tensor.shape)?;
    if columns == 0 || block.contains(&0) || !elements.is_multiple_of(columns) {
        return None;
    }
    let blocks = (elements / columns).div_ceil(block[0]).checked_mul(columns.div_ceil(block[1]))?;
    (volume(&checked.plan.tensors[scale].shape) == Some(blocks)).then_some(dtype)
}
