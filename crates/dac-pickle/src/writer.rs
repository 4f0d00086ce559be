//! Pickle opcodes, written as Python's pickler writes them.

use std::io;

/// A pickle being written, byte for byte as Python's pickler does in protocol 2 or 3.
///
/// Methods exist for the objects that need computation; opcodes of other objects are passed as bytes.
#[derive(Debug)]
pub struct PickleWriter {
    out: Vec<u8>,
    /// Next free index of the memo.
    memo: u32,
    /// Opcodes of the shared objects written so far, with their index in the memo.
    shared: Vec<(Vec<u8>, u32)>,
}

impl PickleWriter {
    /// Starts a pickle of a protocol.
    pub fn new(protocol: u8) -> Self {
        Self { out: vec![0x80, protocol], memo: 0, shared: Vec::new() }
    }

    /// Appends opcodes as they are.
    pub fn push_opcodes(&mut self, bytes: &[u8]) {
        self.out.extend(bytes);
    }

    /// Appends opcodes and stores their result in the memo.
    pub fn push_memoized(&mut self, bytes: &[u8]) {
        self.out.extend(bytes);
        self.indexed(b'q', b'r', self.memo);
        self.memo += 1;
    }

    /// Appends opcodes whose result is an object that occurs several times: the opcodes themselves at the
    /// first call, a reference to their memo entry at every later one.
    pub fn push_shared(&mut self, bytes: Vec<u8>) {
        if let Some(&(_, index)) = self.shared.iter().find(|(known, _)| *known == bytes) {
            return self.indexed(b'h', b'j', index);
        }
        self.push_memoized(&bytes);
        self.shared.push((bytes, self.memo - 1));
    }

    /// Appends text, which is shared.
    ///
    /// # Errors
    /// When the text is longer than 4 GiB.
    pub fn push_text(&mut self, text: &str) -> io::Result<()> {
        let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "a text in a pickle exceeds 4 GiB");
        let length = u32::try_from(text.len()).map_err(too_long)?;
        self.push_shared([&[b'X'][..], &length.to_le_bytes(), text.as_bytes()].concat());
        Ok(())
    }

    /// Appends the header of a byte string. Its `length` bytes and `push_memoized(b"")` must follow.
    pub fn push_bytes_header(&mut self, length: usize) {
        if let Ok(length) = u8::try_from(length) {
            self.out.extend([b'C', length]);
        } else if let Ok(length) = u32::try_from(length) {
            self.out.push(b'B');
            self.out.extend(length.to_le_bytes());
        } else {
            self.out.push(0x8e);
            self.out.extend((length as u64).to_le_bytes());
        }
    }

    /// Appends a reference to `module.name`, which is shared.
    pub fn push_global(&mut self, module: &str, name: &str) {
        self.push_shared(format!("c{module}\n{name}\n").into_bytes());
    }

    /// Appends an integer.
    pub fn push_int(&mut self, value: i64) {
        if let Ok(value) = u8::try_from(value) {
            self.out.extend([b'K', value]);
        } else if let Ok(value) = u16::try_from(value) {
            self.out.push(b'M');
            self.out.extend(value.to_le_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.out.push(b'J');
            self.out.extend(value.to_le_bytes());
        } else {
            // The fewest bytes that keep the sign, by the pickler's own formula.
            let length = (64 - value.unsigned_abs().leading_zeros() as usize) / 8 + 1;
            let bytes = i128::from(value).to_le_bytes();
            self.out.extend([0x8a, length as u8]);
            self.out.extend(bytes.iter().take(length));
        }
    }

    /// Appends a boolean.
    pub fn push_bool(&mut self, value: bool) {
        self.out.push(if value { 0x88 } else { 0x89 });
    }

    /// Appends a tuple of lengths.
    pub fn push_tuple(&mut self, lengths: &[usize]) {
        let opcode = match lengths.len() {
            0 => return self.out.push(b')'),
            axes @ 1..=3 => 0x84 + axes as u8,
            _ => b't',
        };
        if opcode == b't' {
            self.out.push(b'(');
        }
        for &length in lengths {
            self.push_int(length.try_into().unwrap_or(i64::MAX));
        }
        self.push_memoized(&[opcode]);
    }

    /// Takes the bytes written since the last call; the memo stays.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Appends `short` with an index of one byte, or `long` with one of four.
    fn indexed(&mut self, short: u8, long: u8, index: u32) {
        if let Ok(index) = u8::try_from(index) {
            self.out.extend([short, index]);
        } else {
            self.out.push(long);
            self.out.extend(index.to_le_bytes());
        }
    }
}
