//! Element types of arrays: those that are written, those that are refused, and values that are not codes.

mod common;

use std::io::Cursor;

use common::{bytes, codes, z};
use dac_pickle::DType;
use dac_pickle::torch::{Saved, write as write_torch};
use dac_tokens::{Format, IntegerType, TokenError, TokenFile, TokenMeta, TokenReader, WriteOptions};

fn options(integer: IntegerType) -> WriteOptions {
    let mut options = WriteOptions::default();
    options.integer = Some(integer);
    options
}

/// Codes with the metadata that every format requires.
fn tokens() -> TokenFile {
    let mut meta = TokenMeta::default();
    meta.input_rate_hz = Some(44_100);
    meta.input_samples = Some(12_700);
    meta.input_db = Some(-20.0);
    TokenFile::of_codes(codes(2, 9, 25), meta)
}

fn written(file: &TokenFile, format: Format, options: &WriteOptions) -> Result<Vec<u8>, TokenError> {
    let mut out = Vec::new();
    file.write_to(&mut out, format, options).map(|()| out)
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

fn safetensors(name: &str, dtype: &str, shape: [usize; 3], data: &[u8]) -> Vec<u8> {
    let header = format!(
        "{{\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\"data_offsets\":[0,{}]}}}}",
        data.len()
    );
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

fn pt(name: Option<&str>, dtype: DType, shape: [usize; 3]) -> Vec<u8> {
    let bytes = vec![0; shape.iter().product::<usize>() * dtype.size()];
    let tensor = Saved::Tensor { dtype, shape: shape.to_vec(), bytes };
    let root = match name {
        Some(name) => Saved::Dict(vec![(name.to_owned(), tensor)]),
        None => tensor,
    };
    let mut out = Vec::new();
    write_torch(&mut out, "tokens", &root).unwrap();
    out
}

/// A .dac file with an array of booleans: the bytes of 16-bit codes are declared to be twice as many.
fn dac_of_booleans() -> Vec<u8> {
    let mut file = tokens();
    file.codes = Some(codes(1, 9, 4));
    let out = written(&file, Format::Dac, &WriteOptions::default()).unwrap();
    let out = replace(&out, b"X\x02\x00\x00\x00u2", b"X\x02\x00\x00\x00b1");
    replace(&out, b"K\x01K\x09K\x04", b"K\x01K\x09K\x08")
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

fn refused(file: Vec<u8>) -> String {
    let found = TokenReader::open(Cursor::new(file)).map(|reader| reader.info().clone());
    found.unwrap_err().to_string()
}

#[test]
fn codes_are_written_as_every_integer_type_that_the_format_can_hold() {
    let mut all = tokens();
    for (format, possible) in [
        (Format::Safetensors, &IntegerType::ALL[..]),
        (Format::Npy, &IntegerType::ALL),
        (Format::Pt, &[IntegerType::I64, IntegerType::I32]),
        (Format::Dac, &[IntegerType::U16]),
        (Format::Dacp, &[]),
    ] {
        assert_eq!(format.integer_types(), possible, "{format}");
        let default = written(&all, format, &WriteOptions::default()).unwrap();
        for integer in IntegerType::ALL {
            let out = written(&all, format, &options(integer));
            if !possible.contains(&integer) {
                let error = out.unwrap_err().to_string();
                assert!(error.contains(&format!("codes as {integer}")), "{format}: {error}");
                continue;
            }
            let out = out.unwrap();
            assert_eq!(out == default, integer == possible[0], "{format} {integer}");
            let mut reader = TokenReader::open(Cursor::new(&out)).unwrap();
            assert_eq!(reader.info().integer, Some(integer), "{format}");
            assert_eq!(reader.read_all().unwrap().codes, all.codes, "{format} {integer}");
            let part = reader.read_frames(3..9).unwrap().codes;
            assert_eq!(part, all.codes.as_ref().map(|codes| codes.slice_frames(3..9)), "{format} {integer}");
        }
    }
    // Together with floats, each array is aligned to its elements and keeps its values.
    all.codes = Some(codes(1, 3, 5));
    all.z = Some(z(1, 3, 5));
    for integer in IntegerType::ALL {
        let out = written(&all, Format::Safetensors, &options(integer)).unwrap();
        let parsed = ::safetensors::SafeTensors::deserialize(&out).unwrap();
        let (codes, size) = (parsed.tensor("codes").unwrap(), integer_size(integer));
        assert_eq!((codes.dtype().bitsize() / 8, codes.data().len()), (size, 15 * size));
        let (_, header) = ::safetensors::SafeTensors::read_metadata(&out).unwrap();
        assert_eq!(header.info("codes").unwrap().data_offsets.0 % size, 0, "{integer}");
        let read = TokenReader::open(Cursor::new(out)).unwrap().read_all().unwrap();
        assert_eq!((read.codes, read.z), (all.codes.clone(), all.z.clone()), "{integer}");
    }
}

fn integer_size(integer: IntegerType) -> usize {
    match integer {
        IntegerType::I64 => 8,
        IntegerType::I32 => 4,
        _ => 2,
    }
}

#[test]
fn booleans_are_not_codes_in_any_format() {
    for (what, file) in [
        ("npy", npy("|b1", "1, 9, 4", &[1; 36])),
        ("safetensors", safetensors("codes", "BOOL", [1, 9, 4], &[1; 36])),
        ("pt", pt(None, DType::Bool, [1, 9, 4])),
        ("dict", pt(Some("codes"), DType::Bool, [1, 9, 4])),
        ("dac", dac_of_booleans()),
    ] {
        let error = refused(file);
        for part in ["codes has elements of type Bool", "expected integers", "mask"] {
            assert!(error.contains(part), "{what}: {part} is not in: {error}");
        }
    }
}

#[test]
fn floats_under_the_name_of_codes_and_integers_under_that_of_z_are_refused() {
    for file in [safetensors("codes", "F32", [1, 9, 1], &[0; 36]), pt(Some("codes"), DType::F16, [1, 9, 1])] {
        let error = refused(file);
        for part in ["expected integers", "floats are read as z, an array [channels, latent_dim, frames]"] {
            assert!(error.contains(part), "{error}");
        }
    }
    for file in [safetensors("z", "I64", [1, 9, 1], &[0; 72]), pt(Some("latents"), DType::Bool, [1, 9, 1])] {
        let error = refused(file);
        assert!(error.contains("expected floats") && error.contains("integers are read as codes"), "{error}");
    }
    let error = refused(npy("<f4", "25,", &[0; 100]));
    assert!(error.contains("arrays of floats are read as z"), "{error}");
}

#[test]
fn arrays_with_more_codebooks_than_possible_look_transposed() {
    let error = refused(npy("<u2", "100000, 9", &vec![0; 1_800_000]));
    assert!(error.contains("codes has shape [100000, 9]") && error.contains("looks transposed"), "{error}");
    let error = refused(npy("<u2", "25,", &[0; 50]));
    assert!(!error.contains("transposed"), "{error}");
}

/// Reads all frames with a model's codebook size, or without.
fn read_error(file: &[u8], codebook_size: Option<usize>) -> String {
    let mut reader = TokenReader::open(Cursor::new(file)).unwrap();
    if let Some(size) = codebook_size {
        reader.set_codebook_size(size);
    }
    reader.read_all().unwrap_err().to_string()
}

#[test]
fn values_that_are_not_codes_are_explained_with_the_models_codebook_size() {
    let values = |values: [i64; 4]| values.map(i64::to_le_bytes).concat();
    for (value, expected) in [
        (-1, "which is negative; codes must be from 0 on and below 1024"),
        (1025, "codes must be below 1024 (values from there on are usually special tokens"),
        (70_000, "codes must be below 1024 (values from there on are usually special tokens"),
    ] {
        let file = npy("<i8", "1, 2, 2", &values([3, 4, 5, value]));
        let error = read_error(&file, Some(1024));
        let place = format!("codebook 1 of channel 0 contains {value} at frame 1");
        assert!(error.contains(&place) && error.contains(expected), "{error}");
        if !(0..=65_535).contains(&value) {
            let error = read_error(&file, None);
            assert!(error.contains("below the model's codebook size"), "{error}");
            assert!(!error.contains("65536"), "{error}");
        }
    }
    // A .dac file reports them when it is read, as the other formats do.
    let first = [0_i64, 29, 58].map(i64::to_le_bytes).concat();
    let wrong = [-5_i64, 29, 58].map(i64::to_le_bytes).concat();
    let file = replace(&bytes("np1.26_int64.dac"), &first, &wrong);
    let error = read_error(&file, Some(1024));
    assert!(error.contains("contains -5 at frame 0, which is negative"), "{error}");
    assert!(error.contains("below 1024"), "{error}");
    // A size in the metadata has precedence.
    let mut file = tokens();
    file.meta.codebook_size = Some(500);
    let error =
        read_error(&written(&file, Format::Safetensors, &options(IntegerType::I32)).unwrap(), Some(1024));
    assert!(error.contains("below 500"), "{error}");
}
