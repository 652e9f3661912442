//! Opcodes of pickle protocols 2 to 5; names and numbers are those of CPython's `pickle.py`.

macro_rules! opcodes {
    ($($name:ident = $byte:literal;)*) => { $(pub(crate) const $name: u8 = $byte;)* };
}

opcodes! {
    ADDITEMS = 0x90;
    APPEND = b'a';
    APPENDS = b'e';
    BINBYTES = b'B';
    BINBYTES8 = 0x8e;
    BINFLOAT = b'G';
    BINGET = b'h';
    BININT = b'J';
    BININT1 = b'K';
    BININT2 = b'M';
    BINPERSID = b'Q';
    BINPUT = b'q';
    BINUNICODE = b'X';
    BINUNICODE8 = 0x8d;
    BUILD = b'b';
    BYTEARRAY8 = 0x96;
    EMPTY_DICT = b'}';
    EMPTY_LIST = b']';
    EMPTY_SET = 0x8f;
    EMPTY_TUPLE = b')';
    FRAME = 0x95;
    FROZENSET = 0x91;
    GLOBAL = b'c';
    LONG1 = 0x8a;
    LONG4 = 0x8b;
    LONG_BINGET = b'j';
    LONG_BINPUT = b'r';
    MARK = b'(';
    MEMOIZE = 0x94;
    NEWFALSE = 0x89;
    NEWOBJ = 0x81;
    NEWTRUE = 0x88;
    NONE = b'N';
    POP = b'0';
    POP_MARK = b'1';
    PROTO = 0x80;
    REDUCE = b'R';
    SETITEM = b's';
    SETITEMS = b'u';
    SHORT_BINBYTES = b'C';
    SHORT_BINUNICODE = 0x8c;
    STACK_GLOBAL = 0x93;
    STOP = b'.';
    TUPLE = b't';
    TUPLE1 = 0x85;
    TUPLE2 = 0x86;
    TUPLE3 = 0x87;
}
