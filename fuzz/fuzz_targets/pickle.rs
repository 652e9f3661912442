//! Pickles: as an index, and as what is in an archive. An index that is accepted must survive being written again.

#![no_main]

use ckpt_torch_dist::{Globals, load_object, read_item_header, read_metadata, write_metadata};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pickle: &[u8]| {
    if let Ok(metadata) = read_metadata(pickle) {
        let again = write_metadata(&metadata);
        assert_eq!(read_metadata(&again).expect("what was written is read"), metadata);
    }
    let archive = nemotron_fuzz::archive(&[("archive/data.pkl", pickle), ("archive/data/0", &[1; 64])]);
    let _ = load_object(&archive, Globals::Plain);
    let _ = load_object(&archive, Globals::Opaque);
    let _ = read_item_header(archive.as_slice(), 0, archive.len() as u64);
});
