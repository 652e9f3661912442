//! The plan decoder and its checks: what passes has a layout in which items neither overlap nor leave their files.

#![no_main]

use ckpt_engine::{Plan, Prepared};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(plan) = serde_json::from_slice::<Plan>(bytes) else { return };
    let planned: usize = plan.files.iter().map(|file| file.items.len()).sum();
    let Ok(prepared) = Prepared::new(plan) else { return };
    assert_eq!(prepared.files().iter().map(|file| file.item_count()).sum::<usize>(), planned);
    for file in prepared.files() {
        assert!(file.payload_bytes <= file.bytes);
    }
});
