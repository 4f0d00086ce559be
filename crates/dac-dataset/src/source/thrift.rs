//! Integers of a structure in the compact protocol of Thrift; everything else is skipped.

use std::io::{self, Read};

/// Deepest nesting of structures and lists.
const MAX_DEPTH: usize = 16;

/// Reader of a structure.
pub(super) struct Compact<'a, R> {
    pub(super) reader: &'a mut R,
    /// Number of bytes read.
    pub(super) bytes: u64,
    /// Number of bytes that may be read.
    pub(super) limit: u64,
}

fn invalid(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

impl<R: Read> Compact<'_, R> {
    /// Reads a structure. `visit` gets the integers in it with the numbers of their fields, outermost first.
    pub(super) fn read_struct(
        &mut self,
        path: &mut Vec<i64>,
        visit: &mut dyn FnMut(&[i64], i64),
    ) -> io::Result<()> {
        let mut field = 0_i64;
        loop {
            let header = self.byte()?;
            if header == 0 {
                return Ok(());
            }
            field = match i64::from(header >> 4) {
                0 => self.integer()?,
                delta => field.saturating_add(delta),
            };
            path.push(field);
            self.read_value(header & 0x0f, path, visit)?;
            path.pop();
        }
    }

    fn read_value(
        &mut self,
        kind: u8,
        path: &mut Vec<i64>,
        visit: &mut dyn FnMut(&[i64], i64),
    ) -> io::Result<()> {
        if path.len() > MAX_DEPTH {
            return Err(invalid("structures are nested too deeply"));
        }
        match kind {
            // Booleans are in the header of their field.
            1 | 2 => Ok(()),
            3 => self.skip(1),
            4..=6 => {
                let value = self.integer()?;
                visit(path, value);
                Ok(())
            }
            7 => self.skip(8),
            8 => {
                let length = self.varint()?;
                self.skip(length)
            }
            9 | 10 => {
                let header = self.byte()?;
                let count = match header >> 4 {
                    15 => self.varint()?,
                    count => u64::from(count),
                };
                self.read_elements(count, &[header & 0x0f], path)
            }
            11 => match self.varint()? {
                0 => Ok(()),
                count => {
                    let kinds = self.byte()?;
                    self.read_elements(count, &[kinds >> 4, kinds & 0x0f], path)
                }
            },
            12 => self.read_struct(path, visit),
            _ => Err(invalid("a field has an unknown type")),
        }
    }

    /// Skips the elements of a list, or the keys and values of a map.
    fn read_elements(&mut self, count: u64, kinds: &[u8], path: &mut Vec<i64>) -> io::Result<()> {
        // Each element has at least a byte, so that the limit bounds their number.
        for _ in 0..count {
            for kind in kinds {
                path.push(0);
                match kind {
                    1 | 2 => self.skip(1)?,
                    kind => self.read_value(*kind, path, &mut |_: &[i64], _: i64| {})?,
                }
                path.pop();
            }
        }
        Ok(())
    }

    fn byte(&mut self) -> io::Result<u8> {
        self.bytes += 1;
        if self.bytes > self.limit {
            return Err(invalid("it is longer than its file"));
        }
        let mut byte = [0];
        self.reader.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    fn varint(&mut self) -> io::Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(invalid("a number is too long"))
    }

    /// Reads a signed integer of any size.
    fn integer(&mut self) -> io::Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        self.bytes = self.bytes.saturating_add(length);
        if self.bytes > self.limit {
            return Err(invalid("it is longer than its file"));
        }
        let skipped = io::copy(&mut self.reader.by_ref().take(length), &mut io::sink())?;
        if skipped == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Vec<(Vec<i64>, i64)>> {
        let (mut reader, mut found) = (bytes, Vec::new());
        let mut compact = Compact { reader: &mut reader, bytes: 0, limit: bytes.len() as u64 };
        compact.read_struct(&mut Vec::new(), &mut |path, value| found.push((path.to_vec(), value)))?;
        Ok(found)
    }

    #[test]
    fn integers_are_found_and_everything_else_is_skipped() {
        let bytes = [
            0x15, 0x04, // 1: 2
            0x28, 0x03, b'a', b'b', b'c', // 3: text
            0x19, 0x28, 0x01, b'x', 0x00, // 4: list of two texts
            0x1b, 0x01, 0x85, 0x01, b'y', 0x02, // 5: map of one text to a number
            0x11, // 6: true
            0x1c, 0x15, 0x05, 0x00, // 7: structure with 1: -3
            0x06, 0x28, 0x80, 0x02, // 20 with its number in full: 128
            0x17, 0, 0, 0, 0, 0, 0, 0, 0, // 21: double
            0x00,
        ];
        assert_eq!(read(&bytes).unwrap(), [(vec![1], 2), (vec![7, 1], -3), (vec![20], 128)]);
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn hostile_lengths_and_nesting_are_errors() {
        assert!(read(&[0x18, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x00]).is_err());
        assert!(read(&[0x19, 0xf8, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x00]).is_err());
        assert!(read(&[0x1c; 1000]).is_err());
        assert!(read(&[0x1f, 0x00]).is_err());
    }
}
