//! The elements of a tensor that views a storage.

use crate::Error;
use crate::dtype::row_major_strides;
use crate::pickle::TensorRef;

/// Whether elements lie one after the other in row-major order. Strides of axes of size 1 don't count.
pub(crate) fn is_contiguous(shape: &[u64], stride: &[u64]) -> bool {
    let axes = shape.iter().zip(stride.iter().zip(row_major_strides(shape)));
    shape.contains(&0) || axes.into_iter().all(|(&size, (&stride, dense))| size == 1 || stride == dense)
}

/// A copy in row-major order. The view was checked against the size that the pickle gives its
/// storage; here the record itself must have that size.
pub(crate) fn row_major(tensor: &TensorRef<'_>, storage: &[u8]) -> Result<Vec<u8>, Error> {
    let short = || Error::Record { name: format!("data/{}", tensor.key), what: "shorter than its tensor" };
    let element = tensor.dtype.size() as usize;
    let bytes = tensor.dtype.bytes_of(&tensor.shape)? as usize;
    if bytes == 0 {
        return Ok(Vec::new());
    }
    if is_contiguous(&tensor.shape, &tensor.stride) {
        let start = tensor.offset as usize * element;
        return Ok(storage.get(start..start + bytes).ok_or_else(short)?.to_vec());
    }
    let mut data = Vec::with_capacity(bytes);
    let mut index = vec![0; tensor.shape.len()];
    loop {
        let at: u64 = index.iter().zip(&tensor.stride).map(|(i, stride)| i * stride).sum();
        let start = (tensor.offset + at) as usize * element;
        data.extend_from_slice(storage.get(start..start + element).ok_or_else(short)?);
        if !advance(&mut index, &tensor.shape) {
            return Ok(data);
        }
    }
}

/// Steps to the next index in row-major order; false after the last.
fn advance(index: &mut [u64], shape: &[u64]) -> bool {
    for (i, &size) in index.iter_mut().zip(shape).rev() {
        *i += 1;
        if *i < size {
            return true;
        }
        *i = 0;
    }
    false
}
