//! The header of a .npy file: a dict in Python's notation.

use std::io::Read;

use crate::error::TokenError;

/// Longest header read, which is also numpy's default limit.
const MAX_HEADER_BYTES: u64 = 10_000;

/// Element type, order and shape of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) descr: String,
    pub(crate) fortran: bool,
    pub(crate) shape: Vec<usize>,
}

/// Reads the header of a file of this `format`. Returns it and its length in bytes.
pub(crate) fn read_header<R: Read>(
    reader: &mut R,
    format: &'static str,
) -> Result<(Header, u64), TokenError> {
    let mut start = [0; 8];
    let malformed = |reason: &str| TokenError::malformed(format, reason);
    reader.read_exact(&mut start).map_err(|_| malformed("it ends within its first 8 bytes"))?;
    let [0x93, b'N', b'U', b'M', b'P', b'Y', version, _] = start else {
        return Err(malformed("it does not begin with the signature of numpy files"));
    };
    let width = match version {
        1 => 2,
        2 | 3 => 4,
        _ => return Err(malformed("its version is not 1, 2 or 3")),
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
    let text = std::str::from_utf8(&text).map_err(|_| malformed("its header is not UTF-8 text"))?;
    let header = parse(text).ok_or_else(|| malformed("its header is not the dict that numpy writes"))?;
    Ok((header, 8 + width as u64 + length))
}

/// Formats a header of version 1.0 exactly as numpy does, with its spare space for more digits of the first
/// axis.
pub(super) fn header_bytes(descr: &str, shape: [usize; 3]) -> Vec<u8> {
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

/// The rest of a text in Python's notation.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    /// Skips white space and `token`.
    fn eat(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }

    /// Parses a string in single or double quotes.
    fn quoted(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|q| matches!(q, '\'' | '"'))?;
        let (inside, rest) = text.get(1..)?.split_once(quote)?;
        self.0 = rest;
        Some(inside)
    }

    /// Parses a tuple of lengths. Python 2 wrote an L after each.
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
