//! The .npy format of numpy: a header, then one array.

use std::io::{Read, Seek, SeekFrom, Write};

use dac_pickle::numpy::parse_descr;

use crate::arrays::{ArrayLocation, CODES, check_type, three_axes, write_codes, write_elements};
use crate::error::TokenError;
use crate::meta::TokenMeta;
use crate::options::{IntegerType, WriteOptions};
use crate::token_file::TokenFile;
use crate::token_format::{Arrays, Capacity, Input, Opened, TokenFormat};

const NAME: &str = "npy";

/// First bytes of a file.
const SIGNATURE: &[u8] = b"\x93NUMPY";

/// Longest header read, which is also numpy's default limit.
const MAX_HEADER_BYTES: u64 = 10_000;

pub(crate) const NPY: TokenFormat = TokenFormat {
    name: NAME,
    matches: |start| start.starts_with(SIGNATURE) && !is_object_array(start),
    capacity: Capacity::CodesOrZ,
    integers: &IntegerType::ALL,
    stores_windows: false,
    open,
    write,
};

/// Reads an array of integers as codes and an array of floats as z.
fn open(mut reader: Input<'_>) -> Result<Opened<'_>, TokenError> {
    let length_bytes = reader.seek(SeekFrom::End(0))?;
    reader.rewind()?;
    let (header, start) = read_header(&mut reader, NAME)?;
    let (dtype, big_endian) = parse_descr(&header.descr)?;
    let size = header.shape.iter().try_fold(dtype.size() as u64, |n, &d| n.checked_mul(d as u64));
    let needed = size.and_then(|size| size.checked_add(start)).unwrap_or(u64::MAX);
    if needed > length_bytes {
        return Err(TokenError::Truncated { format: NAME, needed, available: length_bytes });
    }
    let name = if dtype.is_float() { "z" } else { CODES };
    check_type(dtype, name)?;
    let shape = three_axes(&header.shape, name)?;
    let mut array = ArrayLocation { big_endian, ..ArrayLocation::row_major(dtype, shape, start) };
    if header.fortran {
        let [channels, middle, _] = shape;
        array.strides = [1, channels, channels.saturating_mul(middle)];
    }
    let (codes, z) = if dtype.is_float() { (None, Some(array)) } else { (Some(array), None) };
    let opened = Arrays { codes, z, latents: None }.open(reader, TokenMeta::default());
    Ok(Opened { ignored_bytes: length_bytes - needed, ..opened })
}

/// Writes the same bytes as `numpy.save`.
fn write(writer: &mut dyn Write, file: &TokenFile, options: &WriteOptions) -> Result<(), TokenError> {
    if let Some(codes) = &file.codes {
        let integer = options.integer.unwrap_or_default();
        let descr = match integer {
            IntegerType::U16 => "<u2",
            IntegerType::I32 => "<i4",
            IntegerType::I64 => "<i8",
        };
        let shape = codes.shape();
        let shape = match shape.as_slice() {
            [1, rest @ ..] if options.omits_single_channel => rest,
            shape => shape,
        };
        writer.write_all(&header_bytes(descr, shape))?;
        write_codes(writer, codes, integer)?;
    }
    if let Some(z) = &file.z {
        writer.write_all(&header_bytes("<f4", &z.shape()))?;
        write_elements(writer, z.as_slice().iter().map(|v| v.to_le_bytes()))?;
    }
    Ok(())
}

/// Returns whether a numpy file that begins with `start` contains Python objects, that is, a pickle.
pub(crate) fn is_object_array(start: &[u8]) -> bool {
    // numpy writes the element type at the start of the header.
    start.starts_with(SIGNATURE) && start.windows(4).any(|w| matches!(w, b"'|O'" | b"\"|O\""))
}

/// Element type, order and shape of an array.
pub(crate) struct Header {
    pub(crate) descr: String,
    pub(crate) fortran: bool,
    pub(crate) shape: Vec<usize>,
}

/// Reads the header of a file of this `format`. Returns it and its length in bytes.
pub(crate) fn read_header(reader: &mut Input<'_>, format: &'static str) -> Result<(Header, u64), TokenError> {
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

/// Formats a header of version 1.0 exactly as numpy does for no or several axes, with its spare space for
/// more digits of the first axis.
pub(crate) fn header_bytes(descr: &str, shape: &[usize]) -> Vec<u8> {
    const GROWTH_DIGITS: usize = 21;
    let axes: Vec<_> = shape.iter().map(usize::to_string).collect();
    let spare = GROWTH_DIGITS.saturating_sub(axes.first().map_or(0, String::len));
    let axes = axes.join(", ");
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({axes}), }}");
    text.push_str(&" ".repeat(spare));
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
