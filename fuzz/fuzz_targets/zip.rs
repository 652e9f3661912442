//! Archives: whole, and as an item in the middle of a file.

#![no_main]

use ckpt_torch_dist::{Globals, load_object, read_item_header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|archive: &[u8]| {
    let _ = load_object(archive, Globals::Opaque);
    let length = archive.len() as u64;
    if let Ok(header) = read_item_header(archive, 0, length) {
        let end = header.payload_position.checked_add(header.payload_len).expect("a range of the file");
        assert!(end <= length);
    }
    let around = [&[7; 13], archive, &[9; 5]].concat();
    let moved = read_item_header(around.as_slice(), 13, length);
    assert_eq!(moved.is_ok(), read_item_header(archive, 0, length).is_ok());
});
