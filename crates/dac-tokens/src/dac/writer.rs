//! Writer of `.dac` files, with the same bytes as numpy 1.26; every numpy version reads them.

use std::io::{self, Write};

use dac_pickle::PickleWriter;
use dac_rvq::Codes;

use super::{NAME, VERSION};
use crate::arrays::write_elements;
use crate::error::TokenError;
use crate::meta::TokenMeta;
use crate::npy::header_bytes;

/// Writes codes with the metadata that the reference decoder requires. Unknown chunking is written as one
/// padded window over all frames, as in a whole-file encode.
pub(super) fn write(writer: &mut dyn Write, codes: &Codes, meta: &TokenMeta) -> Result<(), TokenError> {
    let missing = |what| TokenError::Missing { format: NAME, what };
    let signed = |value: u64, what: &str| {
        i64::try_from(value).map_err(|_| TokenError::CannotHold { format: NAME, what: what.to_owned() })
    };
    let input_db = meta.input_db.ok_or(missing("input_db"))?;
    let input_samples = meta.input_samples.ok_or(missing("input_samples"))?;
    let input_rate_hz = meta.input_rate_hz.ok_or(missing("input_rate_hz"))?;
    let chunk_frames = meta.chunk_frames.unwrap_or(codes.frames() as u64);
    let integers = [
        ("original_length", signed(input_samples, "lengths of 2^63 or more")?),
        ("sample_rate", input_rate_hz.into()),
        ("chunk_length", signed(chunk_frames, "chunk lengths of 2^63 or more")?),
        ("channels", i64::try_from(codes.channels()).unwrap_or(i64::MAX)),
    ];

    writer.write_all(&header_bytes("|O", &[]))?;

    let mut pickle = PickleWriter::new(3);
    begin_array(&mut pickle, &[], "O8", "|", 0x3f)?;
    // The outer array's data: a list of one dict.
    pickle.push_memoized(b"]");
    pickle.push_memoized(b"}");
    pickle.push_opcodes(b"(");
    pickle.push_text("codes")?;
    begin_array(&mut pickle, &codes.shape(), "u2", "<", 0)?;
    pickle.push_bytes_header(codes.as_slice().len() * 2);
    writer.write_all(&pickle.take_bytes())?;
    write_elements(writer, codes.as_slice().iter().map(|v| v.to_le_bytes()))?;
    pickle.push_memoized(b"");
    end_array(&mut pickle);

    pickle.push_text("metadata")?;
    pickle.push_memoized(b"}");
    pickle.push_opcodes(b"(");
    pickle.push_text("input_db")?;
    begin_array(&mut pickle, &[1], "f4", "<", 0)?;
    pickle.push_bytes_header(4);
    pickle.push_memoized(&input_db.to_le_bytes());
    end_array(&mut pickle);
    for (name, value) in integers {
        pickle.push_text(name)?;
        pickle.push_int(value);
    }
    pickle.push_text("padding")?;
    pickle.push_bool(meta.padding.unwrap_or(true));
    pickle.push_text("dac_version")?;
    pickle.push_text(VERSION)?;
    pickle.push_opcodes(b"uua");
    end_array(&mut pickle);
    pickle.push_opcodes(b".");
    Ok(writer.write_all(&pickle.take_bytes())?)
}

/// Writes an array up to its data: `_reconstruct(ndarray, (0,), b'b')` and the state `(1, shape, dtype,
/// False, ..`. The dtype is `dtype(name, False, True)` with the state `(3, byte_order, None, None, None, -1,
/// -1, flags)`.
fn begin_array(
    pickle: &mut PickleWriter,
    shape: &[usize],
    dtype: &str,
    byte_order: &str,
    flags: u8,
) -> io::Result<()> {
    pickle.push_global("numpy.core.multiarray", "_reconstruct");
    pickle.push_global("numpy", "ndarray");
    pickle.push_tuple(&[0]);
    pickle.push_shared(b"C\x01b".to_vec());
    pickle.push_memoized(b"\x87");
    pickle.push_memoized(b"R");
    pickle.push_opcodes(b"(K\x01");
    pickle.push_tuple(shape);
    pickle.push_global("numpy", "dtype");
    pickle.push_text(dtype)?;
    pickle.push_memoized(b"\x89\x88\x87");
    pickle.push_memoized(b"R");
    pickle.push_opcodes(b"(K\x03");
    pickle.push_text(byte_order)?;
    pickle.push_opcodes(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff");
    pickle.push_int(flags.into());
    pickle.push_memoized(b"t");
    pickle.push_opcodes(b"b\x89");
    Ok(())
}

/// Closes the array's state after its data and sets it.
fn end_array(pickle: &mut PickleWriter) {
    pickle.push_memoized(b"t");
    pickle.push_opcodes(b"b");
}
