//! The pickle writer's alphabet: one method an opcode or a leaf value.

use std::borrow::Cow;
use std::collections::HashMap;

use super::opcode::*;

/// CPython flushes a list's or dict's elements in batches of this many.
pub(crate) const BATCH: usize = 1000;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// What torch.save writes.
    Two,
    /// What torch.distributed.checkpoint writes `.metadata` with.
    Four,
}

#[derive(PartialEq, Eq, Hash)]
enum Memoised<'a> {
    Text(Cow<'a, str>),
    Global(Cow<'a, str>, Cow<'a, str>),
}

/// Writes opcodes and keeps the memo. CPython memoises by identity; this memoises text and globals
/// by value, which gives the same bytes wherever equal strings are one interned object.
pub(crate) struct Emitter<'a> {
    out: Vec<u8>,
    protocol: Protocol,
    memo: HashMap<Memoised<'a>, u32>,
    next: u32,
}

/// PROTO, then FRAME and its 8-byte length, filled in by `finish`.
const FRAME_AT: usize = 2;
const FRAMED_AT: usize = FRAME_AT + 9;

impl<'a> Emitter<'a> {
    pub(crate) fn new(protocol: Protocol, capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        match protocol {
            Protocol::Two => out.extend([PROTO, 2]),
            Protocol::Four => {
                out.extend([PROTO, 4, FRAME]);
                out.extend([0; 8]);
            }
        }
        Emitter { out, protocol, memo: HashMap::new(), next: 0 }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.out.push(STOP);
        if self.protocol == Protocol::Four {
            let framed = (self.out.len() - FRAMED_AT) as u64;
            self.out[FRAME_AT + 1..FRAMED_AT].copy_from_slice(&framed.to_le_bytes());
        }
        self.out
    }

    pub(crate) fn op(&mut self, opcode: u8) {
        self.out.push(opcode);
    }

    /// Gives the object on top of the stack the next memo number.
    pub(crate) fn put(&mut self) -> u32 {
        let index = self.next;
        self.next += 1;
        match (self.protocol, u8::try_from(index)) {
            (Protocol::Four, _) => self.op(MEMOIZE),
            (Protocol::Two, Ok(short)) => self.out.extend([BINPUT, short]),
            (Protocol::Two, Err(_)) => {
                self.op(LONG_BINPUT);
                self.out.extend(index.to_le_bytes());
            }
        }
        index
    }

    pub(crate) fn get(&mut self, index: u32) {
        if let Ok(short) = u8::try_from(index) {
            self.out.extend([BINGET, short]);
        } else {
            self.op(LONG_BINGET);
            self.out.extend(index.to_le_bytes());
        }
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.op(if value { NEWTRUE } else { NEWFALSE });
    }

    pub(crate) fn int(&mut self, value: i64) {
        if let Ok(byte) = u8::try_from(value) {
            self.out.extend([BININT1, byte]);
        } else if let Ok(word) = u16::try_from(value) {
            self.op(BININT2);
            self.out.extend(word.to_le_bytes());
        } else if let Ok(word) = i32::try_from(value) {
            self.op(BININT);
            self.out.extend(word.to_le_bytes());
        } else {
            let bytes = value.to_le_bytes();
            self.long(&bytes[..twos_complement_len(&bytes)]);
        }
    }

    /// Counts, sizes and positions; everything this crate writes is below 2^63.
    pub(crate) fn uint(&mut self, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.int(value),
            Err(_) => {
                let mut bytes = [0; 9];
                bytes[..8].copy_from_slice(&value.to_le_bytes());
                self.long(&bytes);
            }
        }
    }

    /// An integer of any size: two's complement, little-endian, no byte more than needed.
    pub(crate) fn long(&mut self, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(short) => self.out.extend([LONG1, short]),
            Err(_) => {
                self.op(LONG4);
                self.length32(bytes.len());
            }
        }
        self.out.extend_from_slice(bytes);
    }

    pub(crate) fn float(&mut self, value: f64) {
        self.op(BINFLOAT);
        self.out.extend(value.to_be_bytes());
    }

    pub(crate) fn text(&mut self, text: impl Into<Cow<'a, str>>) {
        let text = text.into();
        if let Some(&index) = self.memo.get(&Memoised::Text(Cow::Borrowed(&text))) {
            return self.get(index);
        }
        match (self.protocol, u8::try_from(text.len())) {
            (Protocol::Four, Ok(short)) => self.out.extend([SHORT_BINUNICODE, short]),
            _ if text.len() > u32::MAX as usize => {
                self.op(BINUNICODE8);
                self.out.extend((text.len() as u64).to_le_bytes());
            }
            _ => {
                self.op(BINUNICODE);
                self.length32(text.len());
            }
        }
        self.out.extend_from_slice(text.as_bytes());
        let index = self.put();
        self.memo.insert(Memoised::Text(text), index);
    }

    pub(crate) fn global(&mut self, module: impl Into<Cow<'a, str>>, name: impl Into<Cow<'a, str>>) {
        let (module, name) = (module.into(), name.into());
        let key = Memoised::Global(Cow::Borrowed(&module), Cow::Borrowed(&name));
        if let Some(&index) = self.memo.get(&key) {
            return self.get(index);
        }
        drop(key);
        match self.protocol {
            Protocol::Two => {
                self.op(GLOBAL);
                for part in [&module, &name] {
                    self.out.extend_from_slice(part.as_bytes());
                    self.out.push(b'\n');
                }
            }
            Protocol::Four => {
                self.text(module.clone());
                self.text(name.clone());
                self.op(STACK_GLOBAL);
            }
        }
        let index = self.put();
        self.memo.insert(Memoised::Global(module, name), index);
    }

    fn length32(&mut self, length: usize) {
        // Longer ones take the 8-byte opcodes or are integers of 2^35 bits, which no tree here holds.
        self.out.extend((length as u32).to_le_bytes());
    }
}

/// The fewest bytes that hold the same two's complement number.
fn twos_complement_len(bytes: &[u8]) -> usize {
    let mut len = bytes.len();
    while len > 1 {
        let (top, below) = (bytes[len - 1], bytes[len - 2]);
        let redundant = (top == 0 && below < 0x80) || (top == 0xff && below >= 0x80);
        if !redundant {
            break;
        }
        len -= 1;
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(value: i64) -> Vec<u8> {
        let mut emitter = Emitter::new(Protocol::Two, 0);
        emitter.int(value);
        emitter.out.split_off(2)
    }

    /// As `pickle.dumps(value, 2)` writes them.
    #[test]
    fn integers_take_the_shortest_form() {
        assert_eq!(int(0), b"K\x00");
        assert_eq!(int(255), b"K\xff");
        assert_eq!(int(256), b"M\x00\x01");
        assert_eq!(int(-1), b"J\xff\xff\xff\xff");
        assert_eq!(int(65536), b"J\x00\x00\x01\x00");
        assert_eq!(int(1 << 31), b"\x8a\x05\x00\x00\x00\x80\x00");
        assert_eq!(int(-(1 << 31) - 1), b"\x8a\x05\xff\xff\xff\x7f\xff");
        assert_eq!(int(i64::MAX), b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f");
        assert_eq!(int(i64::MIN), b"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80");
    }

    #[test]
    fn memo_numbers_grow() {
        let mut emitter = Emitter::new(Protocol::Two, 0);
        for i in 0..257 {
            emitter.text(i.to_string());
        }
        emitter.text("256");
        assert!(emitter.finish().ends_with(b"256r\x00\x01\x00\x00j\x00\x01\x00\x00."));
    }
}
