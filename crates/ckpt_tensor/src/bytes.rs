//! Floats as the bytes that casts and copies work on. The machine is little-endian, as the data is.

/// The bytes of floats.
pub fn as_bytes(floats: &[f32]) -> &[u8] {
    // SAFETY: the same memory; bytes need no alignment, and every byte of a float is initialised.
    unsafe { std::slice::from_raw_parts(floats.as_ptr().cast(), size_of_val(floats)) }
}

/// As `as_bytes`, to write to.
pub fn as_bytes_mut(floats: &mut [f32]) -> &mut [u8] {
    // SAFETY: as above; every pattern of bits is a float.
    unsafe { std::slice::from_raw_parts_mut(floats.as_mut_ptr().cast(), size_of_val(floats)) }
}
