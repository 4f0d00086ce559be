//! Writing `.dac` files byte for byte as numpy 1.26 does, which every numpy reads.

use std::io::Write;

use dac_rvq::Codes;

use super::layout::{NAME, VERSION};
use crate::arrays::write_elements;
use crate::error::TokenError;
use crate::meta::TokenMeta;

/// numpy's header of an array of no axes that holds one object.
const HEADER: &str = "{'descr': '|O', 'fortran_order': False, 'shape': (), }";

/// Writes codes with the metadata that the reference's decoder asks for. Where the way of chunking is not
/// known it is one padded window over all frames, as from a whole-file encode.
pub(super) fn write(writer: &mut dyn Write, codes: &Codes, meta: &TokenMeta) -> Result<(), TokenError> {
    let format = NAME;
    let missing = |what| TokenError::Missing { format, what };
    let input_db = meta.input_db.ok_or(missing("input_db"))?;
    let input_samples = meta.input_samples.ok_or(missing("input_samples"))?;
    let input_rate_hz = meta.input_rate_hz.ok_or(missing("input_rate_hz"))?;
    let chunk_frames = meta.chunk_frames.unwrap_or(codes.frames() as u64);
    let padding = meta.padding.unwrap_or(true);

    let mut header = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    header.extend(HEADER.as_bytes());
    header.resize(127, b' ');
    header.push(b'\n');

    let mut pickle = Pickle { out: header, memo: 0 };
    pickle.raw(b"\x80\x03");
    // 0-3: the function, the class, (0,), b"b"; 4, 5: the arguments and the array made of them.
    pickle.put(b"cnumpy.core.multiarray\n_reconstruct\n");
    pickle.put(b"cnumpy\nndarray\n");
    pickle.raw(b"K\x00");
    pickle.put(b"\x85");
    pickle.put(b"C\x01b");
    pickle.put(b"\x87");
    pickle.put(b"R");
    // The outer array's state: version 1, no axes, dtype object, C order, a list of one dict.
    pickle.raw(b"(K\x01)");
    pickle.put(b"cnumpy\ndtype\n");
    pickle.text("O8");
    pickle.raw(b"\x89\x88");
    pickle.put(b"\x87");
    pickle.put(b"R");
    pickle.raw(b"(K\x03");
    pickle.text("|");
    pickle.raw(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3f");
    pickle.put(b"t");
    pickle.raw(b"b\x89");
    pickle.put(b"]");
    pickle.put(b"}");
    pickle.raw(b"(");
    pickle.text("codes");
    let shape = codes.shape().map(|d| i64::try_from(d).unwrap_or(i64::MAX));
    pickle.array(&shape, b"\x87", "u2", true);
    pickle.bytes_head(codes.as_slice().len() * 2);
    writer.write_all(&std::mem::take(&mut pickle.out))?;
    write_elements(writer, codes.as_slice().iter().map(|v| v.to_le_bytes()))?;
    pickle.array_end();

    pickle.text("metadata");
    pickle.put(b"}");
    pickle.raw(b"(");
    pickle.text("input_db");
    pickle.array(&[1], b"\x85", "f4", false);
    pickle.bytes_head(4);
    pickle.raw(&input_db.to_le_bytes());
    pickle.array_end();
    let too_large = |what: &str| TokenError::CannotHold { format, what: what.to_owned() };
    pickle.text("original_length");
    pickle.int(i64::try_from(input_samples).map_err(|_| too_large("a length past 2^63"))?);
    pickle.text("sample_rate");
    pickle.int(input_rate_hz.into());
    pickle.text("chunk_length");
    pickle.int(i64::try_from(chunk_frames).map_err(|_| too_large("a chunk length past 2^63"))?);
    pickle.text("channels");
    pickle.int(i64::try_from(codes.channels()).unwrap_or(i64::MAX));
    pickle.text("padding");
    pickle.raw(if padding { b"\x88" } else { b"\x89" });
    pickle.text("dac_version");
    pickle.text(VERSION);
    pickle.raw(b"uua");
    pickle.put(b"t");
    pickle.raw(b"b.");
    Ok(writer.write_all(&pickle.out)?)
}

/// Bytes of the pickle so far, and the next place in the memo: Python's pickler gives one to all but small
/// values.
struct Pickle {
    out: Vec<u8>,
    memo: u8,
}

impl Pickle {
    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend(bytes);
    }

    /// Bytes whose result goes to the memo. The layout is fixed and has under 60 of them.
    fn put(&mut self, bytes: &[u8]) {
        self.out.extend(bytes);
        self.out.extend([b'q', self.memo]);
        self.memo += 1;
    }

    fn text(&mut self, text: &str) {
        self.out.push(b'X');
        self.out.extend((text.len() as u32).to_le_bytes());
        self.put(text.as_bytes());
    }

    fn int(&mut self, value: i64) {
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

    /// An array up to its bytes. The names that it shares with the outer one come from the memo; the byte
    /// order's text is written by the first array and fetched by the second.
    fn array(&mut self, shape: &[i64], tuple: &[u8], dtype: &str, first: bool) {
        self.raw(b"h\x00h\x01K\x00");
        self.put(b"\x85");
        self.raw(b"h\x03");
        self.put(b"\x87");
        self.put(b"R");
        self.raw(b"(K\x01");
        for &length in shape {
            self.int(length);
        }
        self.put(tuple);
        self.raw(b"h\x06");
        self.text(dtype);
        self.raw(b"\x89\x88");
        self.put(b"\x87");
        self.put(b"R");
        self.raw(b"(K\x03");
        if first {
            self.text("<");
        } else {
            self.raw(b"h\x16");
        }
        self.raw(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00");
        self.put(b"t");
        self.raw(b"b\x89");
    }

    fn bytes_head(&mut self, length: usize) {
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

    fn array_end(&mut self) {
        self.put(b"");
        self.put(b"t");
        self.raw(b"b");
    }
}
