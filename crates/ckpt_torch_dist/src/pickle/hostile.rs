//! Pickles that nobody honest writes. None may panic, hang, or take memory out of proportion.

use proptest::prelude::*;

use super::opcode::*;
use super::*;
use crate::Error;

struct NoStorages;

impl Storages for NoStorages {
    fn elements(&mut self, tensor: &TensorRef<'_>) -> Result<Vec<u8>, Error> {
        Ok(vec![0; tensor.dtype.bytes_of(&tensor.shape)? as usize])
    }
}

fn load(body: &[u8], globals: Globals) -> Result<Value, Error> {
    let pickle = [&[PROTO, 2], body].concat();
    load_value(&parse(&pickle, globals.into())?, pickle.len(), &mut NoStorages)
}

fn refusal(body: impl AsRef<[u8]>) -> String {
    load(body.as_ref(), Globals::Opaque).unwrap_err().to_string()
}

#[test]
fn calls_are_never_made() {
    let attack = b"cos\nsystem\nX\x02\x00\x00\x00id\x85R.";
    let Error::Global { module, name } = load(attack, Globals::Plain).unwrap_err() else {
        panic!("os.system was let through");
    };
    assert_eq!((module.as_str(), name.as_str()), ("os", "system"));
    let Value::Object(object) = load(attack, Globals::Opaque).unwrap() else { panic!("not kept as a name") };
    assert_eq!(object.callable, Value::global("os", "system"));
}

#[test]
fn the_machine_is_strict() {
    let cases: [(&[u8], &str); 15] = [
        (b"", "the pickle ends inside an opcode at byte 2"),
        (b"N", "the pickle ends inside an opcode at byte 3"),
        (b".", "the stack is empty at byte 3"),
        (b"NN.", "something is left over after STOP at byte 5"),
        (b"N.N", "something is left over after STOP at byte 4"),
        (b"(N.", "something is left over after STOP at byte 5"),
        (b"N(\x85.", "the stack is empty at byte 5"),
        (b"N(Na.", "the stack is empty at byte 6"),
        (b"}(Nu.", "a key without a value"),
        (b"Nt.", "no mark is open"),
        (b"h\x00.", "a memo number that was never given"),
        (b"Nr\xff\xff\xff\xffh\x00.", "a memo number out of range"),
        (b"X\xff\xff\xff\xffa.", "ends inside a string"),
        (b"I1\n.", "opcode 0x49 at byte 2"),
        (b"N)R.", "a call of something that is no global"),
    ];
    for (body, message) in cases {
        let found = refusal(body);
        assert!(found.contains(message), "{}: {found}", body.escape_ascii());
    }
    // CPython pops a mark where a tuple holds itself.
    assert!(load(b"N(0.", Globals::Plain).is_ok());
}

#[test]
fn shared_parts_do_not_multiply() {
    // Each list holds the one before it ten times: 10^40 values.
    let mut laughs = b"]q\x00".to_vec();
    for level in 1..40u8 {
        laughs.extend(b"](");
        laughs.extend([BINGET, level - 1].repeat(10));
        laughs.extend([APPENDS, BINPUT, level]);
    }
    laughs.splice(0..0, *b"(");
    laughs.extend(b"t.");
    assert!(refusal(laughs).contains("once its shared parts are repeated"));

    let mut text = b"(X\x00\x00\x01\x00".to_vec();
    text.extend(vec![b'a'; 1 << 16]);
    text.extend(b"q\x00");
    text.extend(b"h\x00".repeat(1 << 14));
    text.extend(b"t.");
    assert!(refusal(text).contains("once its shared parts are repeated"));
}

#[test]
fn nesting_ends() {
    assert!(refusal(b"]q\x00h\x00a.").contains("nesting of an object beyond the limit of 256"));
    let mut deep = b"]".repeat(1 << 20);
    deep.extend(b"a".repeat((1 << 20) - 1));
    deep.push(STOP);
    assert!(refusal(deep).contains("nesting"));
}

/// `_rebuild_tensor_v2` on a storage of 4 floats, with this offset, shape and stride.
fn tensor(offset: &[u8], shape: &[u8], stride: &[u8]) -> Result<Value, Error> {
    let storage = b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n";
    let parts: [&[u8]; 6] =
        [storage, b"X\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ", offset, shape, stride, b"\x89}tR."];
    load(&parts.concat(), Globals::Plain)
}

#[test]
fn tensors_stay_in_their_storage() {
    assert!(tensor(b"K\x00", b"K\x02K\x02\x86", b"K\x02K\x01\x86").is_ok());
    assert!(tensor(b"K\x03", b"K\x01\x85", b"K\x09\x85").is_ok());
    let cases: [[&[u8]; 3]; 7] = [
        // Behind the end, by offset and by stride.
        [b"K\x01", b"K\x04\x85", b"K\x01\x85"],
        [b"K\x00", b"K\x02\x85", b"K\x04\x85"],
        // One element 100 times.
        [b"K\x00", b"K\x64\x85", b"K\x00\x85"],
        [b"K\x00", b"K\x02K\x02\x86", b"K\x01\x85"],
        [b"K\x00", b"J\xff\xff\xff\xff\x85", b"K\x01\x85"],
        [b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", b"K\x01\x85", b"K\x01\x85"],
        [
            b"K\x00",
            b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x86",
            b"K\x01K\x01\x86",
        ],
    ];
    for [offset, shape, stride] in cases {
        assert!(tensor(offset, shape, stride).is_err(), "{}", shape.escape_ascii());
    }
}

proptest! {
    /// Opcodes in any order, with operands that often make sense.
    #[test]
    fn any_program_ends(program in prop::collection::vec(any::<prop::sample::Index>(), 0..200)) {
        let words: &[&[u8]] = &[
            b"N", b"\x88", b"K\x01", b"M\x00\x01", b"J\xff\xff\xff\xff", b"\x8a\x01\xff", b"X\x01\0\0\0a",
            b"\x8c\x01a", b"C\x01a", b"]", b"}", b")", b"\x8f", b"(", b"t", b"\x85", b"\x86", b"\x87",
            b"a", b"e", b"s", b"u", b"\x90", b"\x91", b"0", b"1", b"cos\nsystem\n", b"ctorch\nSize\n",
            b"ccollections\nOrderedDict\n", b"\x93", b"R", b"\x81", b"b", b"Q", b"q\x00", b"q\x01",
            b"h\x00", b"h\x01", b"\x94", b"j\x00\0\0\0", b".", b"G\0\0\0\0\0\0\0\0",
        ];
        let mut body: Vec<u8> = program.iter().flat_map(|index| index.get(words).to_vec()).collect();
        body.push(STOP);
        let _ = load(&body, Globals::Opaque);
        let _ = crate::read_metadata(&[&[PROTO, 4], body.as_slice()].concat());
    }
}
