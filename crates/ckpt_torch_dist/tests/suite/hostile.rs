//! Damaged and dishonest files: an error each, never a panic.

use std::panic::catch_unwind;

use crate::recorded::recorded;
use ckpt_torch_dist::*;
use proptest::prelude::*;

const ARCHIVES: [&str; 5] =
    ["tensor_bfloat16.item", "extra_state.pt", "common.pt", "shared.pt", "training_4.pt"];
const INDEXES: [&str; 3] = ["metadata.pickle", "metadata_old.pickle", "metadata_mcore.pickle"];

fn header(bytes: &[u8]) -> Result<ItemHeader, Error> {
    read_item_header(bytes, 0, bytes.len() as u64)
}

#[test]
fn truncated_anywhere() {
    for name in ARCHIVES {
        let bytes = recorded(name);
        for end in 0..bytes.len() {
            assert!(load_object(&bytes[..end], Globals::Opaque).is_err(), "{name} cut at {end}");
            assert!(header(&bytes[..end]).is_err(), "{name} cut at {end}");
        }
    }
    for name in INDEXES {
        let bytes = recorded(name);
        for end in 0..bytes.len() {
            assert!(read_metadata(&bytes[..end]).is_err(), "{name} cut at {end}");
        }
    }
}

#[test]
fn one_byte_changed_anywhere() {
    for name in ARCHIVES.iter().chain(&INDEXES) {
        let mut bytes = recorded(name);
        for at in 0..bytes.len() {
            for change in [1, 0x80, 0xff] {
                bytes[at] ^= change;
                let read = catch_unwind(|| {
                    let _ = load_object(&bytes, Globals::Opaque);
                    let _ = header(&bytes);
                    let _ = read_metadata(&bytes);
                });
                assert!(read.is_ok(), "{name}: byte {at} changed by {change:#x}");
                bytes[at] ^= change;
            }
        }
    }
}

#[test]
fn a_changed_payload_is_noticed() {
    let mut bytes = recorded("tensor_bfloat16.item");
    let at = header(&bytes).unwrap().payload_position as usize;
    bytes[at] ^= 1;
    let error = load_object(&bytes, Globals::Plain).unwrap_err();
    assert!(matches!(&error, Error::Crc { name, .. } if name == "data/0"), "{error}");
}

/// A `.metadata` may claim any place for an item; nothing is allocated for a lie.
#[test]
fn items_outside_their_file() {
    let bytes = recorded("tensor_bfloat16.item");
    let length = bytes.len() as u64;
    let lies = [
        (1, length),
        (0, length + 1),
        (0, length - 1),
        (length, length),
        (u64::MAX - 8, 8),
        (u64::MAX, u64::MAX),
        (0, u64::MAX),
        (0, 0),
        (0, 21),
    ];
    for (position, length) in lies {
        assert!(read_item_header(bytes.as_slice(), position, length).is_err(), "{position} {length}");
    }
}

/// Writes `value` over the bytes at `at`, counted from the archive's end.
fn patched(name: &str, from_end: usize, value: &[u8]) -> Result<ItemHeader, Error> {
    let mut bytes = recorded(name);
    let at = bytes.len() - from_end;
    bytes[at..at + value.len()].copy_from_slice(value);
    header(&bytes)
}

#[test]
fn directories_that_lie() {
    let item = "tensor_bfloat16.item";
    // The zip64 end record's count, size and start; the locator's pointer to it.
    for (from_end, value) in
        [(66, 8u64), (58, 0), (58, u64::MAX), (50, 0), (50, u64::MAX), (34, u64::MAX), (34, 0)]
    {
        let error = patched(item, from_end, &value.to_le_bytes()).unwrap_err();
        assert!(matches!(error, Error::Archive { .. }), "{from_end} {value}: {error}");
    }
    let bytes = recorded(item);
    let first = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let patch = |offset: usize, value: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[first + offset..first + offset + value.len()].copy_from_slice(value);
        header(&bytes).unwrap_err().to_string()
    };
    assert!(patch(10, &[8]).contains("compressed"));
    assert!(patch(8, &[9]).contains("encrypted"));
    assert!(patch(20, &[1]).contains("two sizes"));
    assert!(patch(20, &[0xff; 8]).contains("zip64 field is incomplete"));
    assert!(patch(42, &[0xfe; 4]).contains("lies outside the archive"));
    assert!(patch(42, &[1]).contains("no record begins"));
    assert!(patch(46, b"b").contains("missing"));
}

#[test]
fn indexes_that_lie() {
    let good = read_metadata(&recorded("metadata.pickle")).unwrap();
    let refused = |change: &dyn Fn(&mut Metadata)| {
        let mut bad = good.clone();
        change(&mut bad);
        read_metadata(&write_metadata(&bad)).unwrap_err().to_string()
    };
    for path in ["../x.distcp", "/etc/passwd", "a/../../b", "c:\\x", "", ".", "a//b", "x\0"] {
        let message = refused(&|bad| bad.storage[0].relative_path = path.into());
        assert!(message.contains("outside the checkpoint's directory"), "{message}");
    }
    assert!(refused(&|bad| bad.tensors[0].chunks[0].sizes[0] = 3).contains("has a chunk of"));
    assert!(refused(&|bad| bad.tensors[0].chunks[0].offsets[0] = 1 << 62).contains("has a chunk of"));
    assert!(refused(&|bad| bad.tensors[0].chunks[0].sizes.push(1)).contains("has a chunk of"));
    assert!(refused(&|bad| bad.storage[0].position = u64::MAX).contains("an integer of at least 0"));
}

#[test]
fn indexes_name_nothing_else() {
    let attack = b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.";
    let error = read_metadata(attack).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the pickle names os.system, which does not belong in such a file; nothing was run"
    );
}

proptest! {
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(load_object(&bytes, Globals::Opaque).is_err());
        prop_assert!(header(&bytes).is_err());
        prop_assert!(read_metadata(&bytes).is_err());
    }

    #[test]
    fn spliced_files(cuts in prop::collection::vec((0usize..1577, 0usize..1577), 1..4)) {
        let mut bytes = recorded("tensor_bfloat16.item");
        for (from, to) in cuts {
            let (from, to) = (from.min(bytes.len()), to.min(bytes.len()));
            let part = bytes[from.min(to)..from.max(to)].to_vec();
            bytes.splice(from..from, part);
        }
        let _ = load_object(&bytes, Globals::Opaque);
        let _ = header(&bytes);
    }
}
