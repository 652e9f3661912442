//! The JSON of a safetensors header. What is accepted must hold: ranges in order, without gap or overlap.

#![no_main]

use ckpt_safetensors::parse_entries;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &[u8]| {
    let Ok(entries) = parse_entries(json) else { return };
    let mut end = 0;
    for tensor in &entries.tensors {
        assert_eq!(tensor.begin, end, "{}", tensor.name);
        assert!(tensor.end >= tensor.begin);
        let elements = tensor.shape.iter().try_fold(1u64, |product, &n| product.checked_mul(n));
        assert_eq!(elements.and_then(|n| tensor.dtype.byte_len(n)), Some(tensor.end - tensor.begin));
        end = tensor.end;
    }
    assert_eq!(entries.data_bytes, end);
});
