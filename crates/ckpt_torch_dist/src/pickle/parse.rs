//! The pickle machine, without its danger: names are recorded, never imported; calls are recorded,
//! never made. Not recursive; memory is bounded by the input's length.

use super::How;
use super::globals::Allowed;
use super::graph::{Graph, Id, Node, ObjectNode};
use super::opcode::*;
use crate::Error;

/// Nodes of one pickle; a `.metadata` of a million chunks has some 25 million.
const MAX_NODES: usize = 1 << 26;

/// An unused memo slot.
const NOTHING: Id = Id::MAX;

/// Parses a whole pickle of protocol 2 to 5, as CPython and torch write them.
pub(crate) fn parse(input: &[u8], allowed: Allowed) -> Result<Graph<'_>, Error> {
    let mut machine = Machine {
        input,
        at: 0,
        nodes: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        allowed,
    };
    let root = machine.run()?;
    Ok(Graph { nodes: machine.nodes, root })
}

struct Machine<'a> {
    input: &'a [u8],
    at: usize,
    nodes: Vec<Node<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack at the open marks; what is below the last is out of reach.
    marks: Vec<usize>,
    memo: Vec<Id>,
    allowed: Allowed,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Id, Error> {
        self.protocol()?;
        loop {
            let position = self.at;
            let opcode = self.byte("an opcode")?;
            if opcode == STOP {
                let root = self.pop()?;
                if !self.stack.is_empty() || !self.marks.is_empty() || self.at != self.input.len() {
                    return Err(self.wrong("something is left over after STOP"));
                }
                return Ok(root);
            }
            self.step(opcode, position)?;
        }
    }

    fn protocol(&mut self) -> Result<(), Error> {
        match self.take(2, "PROTO")? {
            [PROTO, 2..=5] => Ok(()),
            _ => Err(self.wrong("it does not begin as protocol 2 to 5 does")),
        }
    }

    fn step(&mut self, opcode: u8, position: usize) -> Result<(), Error> {
        match opcode {
            NONE => self.push(Node::None),
            NEWTRUE => self.push(Node::Bool(true)),
            NEWFALSE => self.push(Node::Bool(false)),
            BININT1 => {
                let value = self.byte("an integer")?;
                self.push(Node::Int(value.into()))
            }
            BININT2 => {
                let value = u16::from_le_bytes(self.array("an integer")?);
                self.push(Node::Int(value.into()))
            }
            BININT => {
                let value = i32::from_le_bytes(self.array("an integer")?);
                self.push(Node::Int(value.into()))
            }
            LONG1 | LONG4 => self.long(opcode),
            BINFLOAT => {
                let value = f64::from_be_bytes(self.array("a float")?);
                self.push(Node::Float(value))
            }
            SHORT_BINUNICODE | BINUNICODE | BINUNICODE8 => {
                let bytes = self.counted(opcode, "a string")?;
                let text = str::from_utf8(bytes).map_err(|_| self.wrong("a string is not UTF-8"))?;
                self.push(Node::Str(text))
            }
            SHORT_BINBYTES | BINBYTES | BINBYTES8 | BYTEARRAY8 => {
                let bytes = self.counted(opcode, "bytes")?;
                self.push(Node::Bytes(bytes))
            }
            EMPTY_TUPLE => self.push(Node::Tuple(Box::default())),
            EMPTY_LIST => self.push(Node::List(Vec::new())),
            EMPTY_DICT => self.push(Node::Dict(Vec::new())),
            EMPTY_SET => self.push(Node::Set(Vec::new())),
            TUPLE1 => self.tuple(1),
            TUPLE2 => self.tuple(2),
            TUPLE3 => self.tuple(3),
            TUPLE => {
                let items = self.pop_mark()?;
                self.push(Node::Tuple(items.into()))
            }
            FROZENSET => {
                let items = self.pop_mark()?;
                self.push(Node::FrozenSet(items.into()))
            }
            APPEND => {
                let item = self.pop()?;
                self.extend(&[item])
            }
            APPENDS => {
                let items = self.pop_mark()?;
                self.extend(&items)
            }
            ADDITEMS => {
                let items = self.pop_mark()?;
                let Node::Set(set) = self.top()? else { return Err(self.wrong("ADDITEMS to no set")) };
                set.extend(items);
                Ok(())
            }
            SETITEM => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])
            }
            SETITEMS => {
                let pairs = self.pop_mark()?;
                self.set(&pairs)
            }
            MARK => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            POP => match self.marks.last() {
                Some(&mark) if mark == self.stack.len() => self.pop_mark().map(drop),
                _ => self.pop().map(drop),
            },
            POP_MARK => self.pop_mark().map(drop),
            GLOBAL => {
                let module = self.line()?;
                let name = self.line()?;
                self.global(module, name)
            }
            STACK_GLOBAL => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (&self.nodes[module as usize], &self.nodes[name as usize]) {
                    (&Node::Str(module), &Node::Str(name)) => self.global(module, name),
                    _ => Err(self.wrong("a global's name is not a string")),
                }
            }
            REDUCE => self.object(How::Call),
            NEWOBJ => self.object(How::New),
            BUILD => {
                let state = self.pop()?;
                match self.top()? {
                    Node::Object(object) if object.state.is_none() => {
                        object.state = Some(state);
                        Ok(())
                    }
                    _ => Err(self.wrong("BUILD of no fresh object")),
                }
            }
            BINPERSID => {
                let id = self.pop()?;
                self.push(Node::PersistentId(id))
            }
            BINPUT => {
                let index = self.byte("a memo number")?;
                self.put(index.into())
            }
            LONG_BINPUT => {
                let index = u32::from_le_bytes(self.array("a memo number")?);
                self.put(index as usize)
            }
            MEMOIZE => self.put(self.memo.len()),
            BINGET => {
                let index = self.byte("a memo number")?;
                self.get(index.into())
            }
            LONG_BINGET => {
                let index = u32::from_le_bytes(self.array("a memo number")?);
                self.get(index as usize)
            }
            FRAME => {
                let length = u64::from_le_bytes(self.array("a frame")?);
                if length > (self.input.len() - self.at) as u64 {
                    return Err(Error::Truncated { what: "a frame", position: self.input.len() });
                }
                Ok(())
            }
            _ => Err(Error::Opcode { opcode, position }),
        }
    }

    fn push(&mut self, node: Node<'a>) -> Result<(), Error> {
        if self.nodes.len() >= MAX_NODES {
            return Err(Error::Limit { what: "objects of a pickle", limit: MAX_NODES as u64 });
        }
        self.stack.push(self.nodes.len() as Id);
        self.nodes.push(node);
        Ok(())
    }

    /// Height of the stack below which nothing may be popped.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Id, Error> {
        if self.stack.len() <= self.floor() {
            return Err(self.wrong("the stack is empty"));
        }
        self.stack.pop().ok_or_else(|| self.wrong("the stack is empty"))
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, Error> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => Err(self.wrong("no mark is open")),
        }
    }

    fn top(&mut self) -> Result<&mut Node<'a>, Error> {
        match self.stack.last() {
            Some(&id) if self.stack.len() > self.floor() => Ok(&mut self.nodes[id as usize]),
            _ => Err(self.wrong("the stack is empty")),
        }
    }

    fn tuple(&mut self, count: usize) -> Result<(), Error> {
        match self.stack.len().checked_sub(count) {
            Some(start) if start >= self.floor() => {
                let items = self.stack.split_off(start);
                self.push(Node::Tuple(items.into()))
            }
            _ => Err(self.wrong("the stack is empty")),
        }
    }

    fn extend(&mut self, items: &[Id]) -> Result<(), Error> {
        match self.top()? {
            Node::List(list) => list.extend(items),
            Node::Object(object) => object.items.extend(items),
            _ => return Err(self.wrong("APPEND to no list")),
        }
        Ok(())
    }

    fn set(&mut self, flat: &[Id]) -> Result<(), Error> {
        let (pairs, odd) = flat.as_chunks::<2>();
        if !odd.is_empty() {
            return Err(self.wrong("a key without a value"));
        }
        let pairs = pairs.iter().map(|&[key, value]| (key, value));
        match self.top()? {
            Node::Dict(dict) => dict.extend(pairs),
            Node::Object(object) => object.pairs.extend(pairs),
            _ => return Err(self.wrong("SETITEM of no dict")),
        }
        Ok(())
    }

    fn global(&mut self, module: &'a str, name: &'a str) -> Result<(), Error> {
        self.allowed.check(module, name)?;
        self.push(Node::Global(module, name))
    }

    fn object(&mut self, how: How) -> Result<(), Error> {
        let (args, callable) = (self.pop()?, self.pop()?);
        if !matches!(self.nodes[callable as usize], Node::Global(..) | Node::Object(_)) {
            return Err(self.wrong("a call of something that is no global"));
        }
        if !matches!(self.nodes[args as usize], Node::Tuple(_)) {
            return Err(self.wrong("a call whose arguments are no tuple"));
        }
        let (items, pairs) = (Vec::new(), Vec::new());
        self.push(Node::Object(Box::new(ObjectNode { how, callable, args, state: None, items, pairs })))
    }

    fn put(&mut self, index: usize) -> Result<(), Error> {
        // Writers number from 0 upwards, a put a number: more numbers than bytes is no honest file.
        if index >= self.input.len() {
            return Err(self.wrong("a memo number out of range"));
        }
        self.top()?;
        let top = self.stack[self.stack.len() - 1];
        if index >= self.memo.len() {
            self.memo.resize(index + 1, NOTHING);
        }
        self.memo[index] = top;
        Ok(())
    }

    fn get(&mut self, index: usize) -> Result<(), Error> {
        match self.memo.get(index) {
            Some(&id) if id != NOTHING => {
                self.stack.push(id);
                Ok(())
            }
            _ => Err(self.wrong("a memo number that was never given")),
        }
    }

    fn long(&mut self, opcode: u8) -> Result<(), Error> {
        let bytes = self.counted(opcode, "an integer")?;
        if bytes.len() > 8 {
            return self.push(Node::BigInt(bytes));
        }
        let negative = bytes.last().is_some_and(|&top| top >= 0x80);
        let mut word = [if negative { 0xff } else { 0 }; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        self.push(Node::Int(i64::from_le_bytes(word)))
    }

    /// The bytes behind a length of 1, 4 or 8 bytes, whichever the opcode has.
    fn counted(&mut self, opcode: u8, what: &'static str) -> Result<&'a [u8], Error> {
        let length = match opcode {
            SHORT_BINUNICODE | SHORT_BINBYTES | LONG1 => u64::from(self.byte(what)?),
            BINUNICODE | BINBYTES | LONG4 => u64::from(u32::from_le_bytes(self.array(what)?)),
            _ => u64::from_le_bytes(self.array(what)?),
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.take(length, what)
    }

    fn line(&mut self) -> Result<&'a str, Error> {
        let rest = &self.input[self.at..];
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            return Err(Error::Truncated { what: "a name", position: self.input.len() });
        };
        self.at += end + 1;
        str::from_utf8(&rest[..end]).map_err(|_| self.wrong("a name is not UTF-8"))
    }

    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.input.len());
        let Some(end) = end else {
            return Err(Error::Truncated { what, position: self.input.len() });
        };
        let bytes = &self.input[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    fn byte(&mut self, what: &'static str) -> Result<u8, Error> {
        Ok(self.array::<1>(what)?[0])
    }

    fn wrong(&self, what: &'static str) -> Error {
        Error::Pickle { what, position: self.at }
    }
}
