//! Headers of .npy files: notation and shapes.

mod common;

use std::io::Cursor;

use common::codes;
use dac_tokens::{Format, TokenError, TokenFile, TokenMeta, TokenReader, WriteOptions};

/// Opens a .npy file with this header and `data_bytes` zeros. Returns the shape of its codes.
fn open(header: &str, data_bytes: usize) -> Result<[usize; 3], TokenError> {
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.resize(file.len() + data_bytes, 0);
    Ok(TokenReader::open(Cursor::new(file))?.info().codes.unwrap())
}

#[test]
fn headers_parse_in_any_order_and_malformed_ones_fail() {
    for header in [
        "{'descr': '<u2', 'fortran_order': False, 'shape': (1, 9, 25), }   \n",
        "{\"shape\":(1L,9L,25L,),'fortran_order':False,\"descr\":\"<u2\"}",
        "{'descr': '<u2', 'fortran_order': True, 'shape': (1, 9, 25)}",
    ] {
        assert_eq!(open(header, 450).unwrap(), [1, 9, 25], "{header}");
    }
    for header in [
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
        let error = open(header, 450).unwrap_err().to_string();
        assert!(error.contains("not the dict that numpy writes"), "{header}: {error}");
    }
    let no_axes = open("{'descr': '<u2', 'fortran_order': True, 'shape': (), }", 2).unwrap_err();
    assert!(matches!(&no_axes, TokenError::Axes { shape, .. } if shape.is_empty()), "{no_axes}");
}

#[test]
fn shapes_gain_a_channel_and_lose_leading_ones() {
    for (shape, bytes, expected) in [
        ("9, 25", 450, Some([1, 9, 25])),
        ("2, 9, 25", 900, Some([2, 9, 25])),
        ("1, 1, 9, 25", 450, Some([1, 9, 25])),
        ("1, 2, 9, 25", 900, Some([2, 9, 25])),
        ("2, 2, 9, 25", 1800, None),
        ("25,", 50, None),
        ("", 2, None),
        ("1099511627776, 9, 0", 0, None),
        ("1, 1099511627776, 0", 0, None),
    ] {
        let header = format!("{{'descr': '<u2', 'fortran_order': False, 'shape': ({shape}), }}");
        match open(&header, bytes) {
            Ok(axes) => assert_eq!(Some(axes), expected, "{shape}"),
            Err(error) => {
                assert!(expected.is_none() && matches!(error, TokenError::Axes { .. }), "{shape}: {error}");
            }
        }
    }
}

#[test]
fn written_headers_are_aligned_to_64_bytes() {
    for [channels, codebooks, frames] in [[1, 9, 25], [0, 0, 0], [4096, 1, 1], [1, 1, 100_000]] {
        let file = TokenFile::of_codes(codes(channels, codebooks, frames), TokenMeta::default());
        let mut bytes = Vec::new();
        file.write_to(&mut bytes, Format::Npy, &WriteOptions::default()).unwrap();
        assert_eq!((bytes.len() - channels * codebooks * frames * 2) % 64, 0);
        let read = TokenReader::open(Cursor::new(bytes)).unwrap();
        assert_eq!(read.info().codes, Some([channels, codebooks, frames]));
    }
}
