//! numpy's .npy files: a small header in Python's notation, then one array.

use std::io::{Read, Seek, SeekFrom, Write};

use dac_pickle::numpy::parse_descr;
use dac_rvq::{Array3, Codes};

use crate::arrays::{CODEBOOKS, LATENT, Located, three_axes};
use crate::error::TokenError;
use crate::file::NpyInteger;
use crate::format::Format;

/// Longest header read; numpy itself takes no more without being told to.
const MAX_HEADER_BYTES: u64 = 10_000;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) descr: String,
    pub(crate) fortran: bool,
    pub(crate) shape: Vec<usize>,
}

/// The array in a file, as codes or as floats.
pub(crate) enum Found {
    Codes(Located),
    Floats(Located),
}

/// Reads the header at the reader's place and stops after it; gives it and its length in bytes.
pub(crate) fn read_header<R: Read>(reader: &mut R, format: Format) -> Result<(Header, u64), TokenError> {
    let mut start = [0; 8];
    let malformed = |reason: &str| TokenError::malformed(format, reason);
    reader.read_exact(&mut start).map_err(|_| malformed("it ends within its first bytes"))?;
    let [0x93, b'N', b'U', b'M', b'P', b'Y', version, _] = start else {
        return Err(malformed("it does not begin as numpy's files do"));
    };
    let width = match version {
        1 => 2,
        2 | 3 => 4,
        _ => return Err(malformed("its version is none of 1, 2, 3")),
    };
    let mut length = [0; 4];
    let (used, _) = length.split_at_mut(width);
    reader.read_exact(used).map_err(|_| malformed("it ends within its header"))?;
    let length = u64::from(u32::from_le_bytes(length));
    if length > MAX_HEADER_BYTES {
        let (what, declared) = ("a header", length);
        return Err(TokenError::TooLarge { format, what, declared, available: MAX_HEADER_BYTES });
    }
    let mut text = Vec::new();
    reader.take(length).read_to_end(&mut text)?;
    if text.len() as u64 != length {
        return Err(malformed("it ends within its header"));
    }
    let text = std::str::from_utf8(&text).map_err(|_| malformed("its header is no text"))?;
    let header = parse(text).ok_or_else(|| malformed("its header is not the dict that numpy writes"))?;
    Ok((header, 8 + width as u64 + length))
}

/// Finds the array of a whole file.
pub(crate) fn locate<R: Read + Seek>(reader: &mut R) -> Result<Found, TokenError> {
    let format = Format::Npy;
    let length_bytes = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(0))?;
    let (header, start) = read_header(reader, format)?;
    let (dtype, big_endian) = parse_descr(&header.descr)?;
    let size = header.shape.iter().try_fold(dtype.size() as u64, |n, &d| n.checked_mul(d as u64));
    let needed = size.and_then(|size| size.checked_add(start)).unwrap_or(u64::MAX);
    if needed > length_bytes {
        return Err(TokenError::Truncated { format, needed, available: length_bytes });
    }
    let (what, axis) = if dtype.is_float() { ("z", LATENT) } else { ("codes", CODEBOOKS) };
    let shape = three_axes(&header.shape, what, axis)?;
    let located = Located::new(dtype, big_endian, header.fortran, shape, start);
    Ok(if dtype.is_float() { Found::Floats(located) } else { Found::Codes(located) })
}

/// Writes codes as numpy.save does, byte by byte.
pub(crate) fn write_codes<W: Write>(
    writer: &mut W,
    codes: &Codes,
    integer: NpyInteger,
) -> Result<(), TokenError> {
    let values = codes.as_slice().iter();
    match integer {
        NpyInteger::U16 => {
            writer.write_all(&header("<u2", codes.shape()))?;
            write_all(writer, values.map(|v| v.to_le_bytes()))
        }
        NpyInteger::I64 => {
            writer.write_all(&header("<i8", codes.shape()))?;
            write_all(writer, values.map(|&v| i64::from(v).to_le_bytes()))
        }
    }
}

/// Writes floats as numpy.save does, byte by byte.
pub(crate) fn write_floats<W: Write>(writer: &mut W, array: &Array3) -> Result<(), TokenError> {
    writer.write_all(&header("<f4", array.shape()))?;
    write_all(writer, array.as_slice().iter().map(|v| v.to_le_bytes()))
}

/// Writes elements through a buffer of a fixed size.
pub(crate) fn write_all<W: Write, const N: usize>(
    writer: &mut W,
    elements: impl Iterator<Item = [u8; N]>,
) -> Result<(), TokenError> {
    let mut buffer = Vec::with_capacity(1 << 16);
    for element in elements {
        buffer.extend(element);
        if buffer.len() >= 1 << 16 {
            writer.write_all(&buffer)?;
            buffer.clear();
        }
    }
    Ok(writer.write_all(&buffer)?)
}

/// numpy's header of version 1.0, with the room that it leaves for the first axis to grow.
fn header(descr: &str, shape: [usize; 3]) -> Vec<u8> {
    const GROWTH_DIGITS: usize = 21;
    let [c, k, t] = shape;
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({c}, {k}, {t}), }}");
    text.push_str(&" ".repeat(GROWTH_DIGITS.saturating_sub(c.to_string().len())));
    text.push_str(&" ".repeat(63 - (10 + text.len()) % 64));
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// Parses `{'descr': '<u2', 'fortran_order': False, 'shape': (1, 9, 25), }`, keys in any order.
fn parse(text: &str) -> Option<Header> {
    let mut rest = Text(text);
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    rest.eat("{")?;
    while rest.eat("}").is_none() {
        let key = rest.quoted()?;
        rest.eat(":")?;
        match key {
            "descr" => descr = Some(rest.quoted()?.to_owned()),
            "fortran_order" if rest.eat("True").is_some() => fortran = Some(true),
            "fortran_order" => fortran = rest.eat("False").map(|()| false),
            "shape" => shape = Some(rest.lengths()?),
            _ => return None,
        }
        if rest.eat(",").is_none() {
            rest.eat("}")?;
            break;
        }
    }
    if !rest.0.trim().is_empty() {
        return None;
    }
    Some(Header { descr: descr?, fortran: fortran?, shape: shape? })
}

/// Python's notation, eaten from the front.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn eat(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }

    fn quoted(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|q| matches!(q, '\'' | '"'))?;
        let (inside, rest) = text.get(1..)?.split_once(quote)?;
        self.0 = rest;
        Some(inside)
    }

    /// A tuple of lengths; Python 2 wrote an L after each.
    fn lengths(&mut self) -> Option<Vec<usize>> {
        let mut lengths = Vec::new();
        self.eat("(")?;
        while self.eat(")").is_none() {
            let text = self.0.trim_start();
            let digits = text.find(|c: char| !c.is_ascii_digit())?;
            lengths.push(text.get(..digits)?.parse().ok()?);
            self.0 = text.get(digits..)?;
            let _ = self.eat("L");
            if self.eat(",").is_none() {
                self.eat(")")?;
                break;
            }
        }
        Some(lengths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_parse_in_any_order_or_not_at_all() {
        let expected = Header { descr: "<u2".into(), fortran: false, shape: vec![1, 9, 25] };
        for text in [
            "{'descr': '<u2', 'fortran_order': False, 'shape': (1, 9, 25), }   \n",
            "{\"shape\":(1L,9L,25L,),'fortran_order':False,\"descr\":\"<u2\"}",
        ] {
            assert_eq!(parse(text).as_ref(), Some(&expected), "{text}");
        }
        let scalar = parse("{'descr': '|O', 'fortran_order': True, 'shape': (), }").unwrap();
        assert!(scalar.fortran && scalar.shape.is_empty());
        for text in [
            "",
            "{",
            "{}",
            "{'descr': '<u2', 'fortran_order': False, 'shape': (1, -9), }",
            "{'descr': '<u2', 'fortran_order': False, 'shape': (99999999999999999999,), }",
            "{'descr': [('a', '<u2')], 'fortran_order': False, 'shape': (1,), }",
            "{'descr': '<u2', 'fortran_order': 0, 'shape': (1,), }",
            "{'descr': '<u2', 'fortran_order': False, 'shape': (1,), } x",
            "{'descr: '<u2'",
            "{'descr': 'é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn our_header_parses_and_is_aligned() {
        for shape in [[1, 9, 25], [0, 0, 0], [usize::MAX, usize::MAX, usize::MAX]] {
            let bytes = header("<u2", shape);
            assert_eq!(bytes.len() % 64, 0);
            let (read, length) = read_header(&mut bytes.as_slice(), Format::Npy).unwrap();
            assert_eq!((read.shape.as_slice(), length), (&shape[..], bytes.len() as u64));
        }
    }
}
