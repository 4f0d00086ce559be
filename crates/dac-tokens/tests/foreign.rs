//! Files written by numpy, torch and safetensors, read whole and in ranges, and compared with ours byte by
//! byte.

mod common;

use std::io::Cursor;

use common::{bytes, codes, path, slice, z};
use dac_pickle::PickleError;
use dac_pickle::numpy::ArrayError;
use dac_pickle::torch::{Saved, TorchError, write as write_torch};
use dac_rvq::Codes;
use dac_tokens::{Format, IntegerType, TokenError, TokenFile, TokenMeta, TokenReader, WriteOptions};

fn read(name: &str) -> TokenFile {
    TokenFile::read(&path(name)).unwrap_or_else(|e| panic!("{e}: {:?}", std::error::Error::source(&e)))
}

/// Reads a file that is rejected. Returns the error without its path.
fn rejected(name: &str) -> TokenError {
    match TokenFile::read(&path(name)).map(|_| ()).unwrap_err() {
        TokenError::InFile { path: found, source } => {
            assert_eq!(found, path(name));
            *source
        }
        other => panic!("{name}: {other}"),
    }
}

#[test]
fn codes_are_read_from_every_variant_of_every_format() {
    let (mono, stereo) = (codes(1, 9, 25), codes(2, 9, 25));
    for (name, format, expected) in [
        ("np1.26_mono.dac", Format::Dac, &mono),
        ("np1.26_protocol2.dac", Format::Dac, &mono),
        ("np1.26_protocol5.dac", Format::Dac, &mono),
        ("np2.2_mono.dac", Format::Dac, &mono),
        ("np2.2_protocol2.dac", Format::Dac, &mono),
        ("np2.2_protocol5.dac", Format::Dac, &mono),
        ("np1.26_fortran.dac", Format::Dac, &stereo),
        ("np1.26_int64.dac", Format::Dac, &mono),
        ("np1.26_big_endian.dac", Format::Dac, &mono),
        ("np1.26_extra_keys.dac", Format::Dac, &mono),
        ("np1.26_reversed.dac", Format::Dac, &mono),
        ("np1.26_u16.npy", Format::Npy, &mono),
        ("np2.2_u16.npy", Format::Npy, &mono),
        ("np1.26_i64_2d.npy", Format::Npy, &mono),
        ("np1.26_fortran.npy", Format::Npy, &stereo),
        ("np1.26_big_endian.npy", Format::Npy, &mono),
        ("np1.26_version2.npy", Format::Npy, &mono),
        ("torch1.13_codes.pt", Format::Pt, &mono),
        ("torch1.13_codes_2d.pt", Format::Pt, &mono),
        ("torch2.15_codes.pt", Format::Pt, &mono),
        ("torch2.15_codes_2d.pt", Format::Pt, &mono),
        ("torch1.13_dict.pt", Format::Pt, &stereo),
        ("torch2.15_dict.pt", Format::Pt, &stereo),
        ("torch2.15_uint16.pt", Format::Pt, &stereo),
        ("np1.26_arrays.pt", Format::Pt, &mono),
        ("np2.2_arrays.pt", Format::Pt, &mono),
        ("np1.26_array_fortran.pt", Format::Pt, &stereo),
        ("np2.2_array_fortran.pt", Format::Pt, &stereo),
        ("python.safetensors", Format::Safetensors, &mono),
        ("python_int64.safetensors", Format::Safetensors, &stereo),
    ] {
        let mut reader = TokenReader::open_path(&path(name)).unwrap();
        let info = reader.info().clone();
        assert_eq!((info.format, info.codes, info.frames()), (format, Some(expected.shape()), 25), "{name}");
        assert_eq!(reader.read_all().unwrap().codes.as_ref(), Some(expected), "{name}");
        for range in [0..25, 3..9, 24..99, 7..7, 30..40] {
            let part = reader.read_frames(range.clone()).unwrap();
            assert_eq!(part.codes, Some(expected.slice_frames(range.clone())), "{name} {range:?}");
        }
        let streamed = TokenFile::read_stream(Cursor::new(bytes(name))).unwrap();
        assert_eq!(streamed.codes.as_ref(), Some(expected), "{name}");
    }
    assert_eq!(read("np1.26_version3.npy").codes.unwrap().shape(), [1, 9, 25]);
    assert_eq!(read("np1.26_empty.npy").codes.unwrap().shape(), [1, 9, 0]);
    assert_eq!(read("np1.26_empty.dac").codes.unwrap().shape(), [1, 9, 0]);
    assert_eq!(read("np1.26_wide.dac").codes.unwrap(), codes(3, 9, 1300));
    assert_eq!(read("np2.2_stereo.dac").codes.unwrap(), codes(2, 12, 130));
}

#[test]
fn z_is_read_from_every_variant_of_every_format() {
    for (name, channels) in [
        ("np1.26_z.npy", 1),
        ("np2.2_z.npy", 1),
        ("np1.26_z_f2_big.npy", 1),
        ("np1.26_z_f8_fortran.npy", 2),
        ("torch1.13_z.pt", 1),
        ("torch2.15_dict.pt", 1),
        ("np1.26_arrays.pt", 1),
        ("np2.2_arrays.pt", 1),
        ("python.safetensors", 1),
    ] {
        let expected = z(channels, 8, 25);
        let mut reader = TokenReader::open_path(&path(name)).unwrap();
        assert_eq!(reader.info().z, Some(expected.shape()), "{name}");
        assert_eq!(reader.read_all().unwrap().z.as_ref(), Some(&expected), "{name}");
        assert_eq!(reader.read_frames(5..11).unwrap().z, Some(slice(&expected, 5..11)), "{name}");
    }
}

#[test]
fn values_other_than_arrays_are_named_by_their_kind() {
    let mut file = Vec::new();
    let saved = Saved::Dict(vec![
        ("codes".to_owned(), Saved::Dict(vec![])),
        ("note".to_owned(), Saved::Dict(vec![])),
    ]);
    write_torch(&mut file, "x", &saved).unwrap();
    let error = TokenReader::open(Cursor::new(file)).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("codes, which is a dict, note"), "{error}");
}

#[test]
fn expanded_codes_are_read_in_ranges() {
    // codes.expand(2, 9, 25): the strides are (0, 25, 1) instead of (225, 25, 1).
    let mut file = bytes("torch1.13_codes.pt");
    for (from, to) in [(b"K\x01K\x09K\x19", b"K\x02K\x09K\x19"), (b"K\xe1K\x19K\x01", b"K\x00K\x19K\x01")] {
        let at = file.windows(from.len()).position(|window| window == from).unwrap();
        file[at..at + to.len()].copy_from_slice(to);
    }
    let mono = codes(1, 9, 25);
    let expected = Codes::new(mono.as_slice().repeat(2), [2, 9, 25]).unwrap();
    let mut reader = TokenReader::open(Cursor::new(file)).unwrap();
    assert_eq!(reader.read_all().unwrap().codes.as_ref(), Some(&expected));
    assert_eq!(reader.read_frames(5..11).unwrap().codes, Some(expected.slice_frames(5..11)));
}

fn dac_meta(frames: u64) -> TokenMeta {
    let mut meta = TokenMeta::default();
    meta.input_db = Some(-23.4375);
    meta.input_samples = Some(frames * 512 - 100);
    meta.input_rate_hz = Some(44100);
    meta.chunk_frames = Some(frames);
    meta.padding = Some(true);
    meta
}

#[test]
fn metadata_is_read_from_every_variant_of_dac_files() {
    let expected = dac_meta(25);
    for name in [
        "np1.26_mono",
        "np2.2_mono",
        "np1.26_extra_keys",
        "np1.26_reversed",
        "np1.26_scalar_db",
        "np1.26_double_db",
        "np1.26_python_db",
        "np1.26_numpy_ints",
        "np1.26_protocol2",
        "np2.2_protocol5",
    ] {
        assert_eq!(read(&format!("{name}.dac")).meta, expected, "{name}");
    }
    assert_eq!(read("np1.26_none_db.dac").meta.input_db, None);
    assert_eq!(read("np1.26_no_padding_key.dac").meta.padding, None);
    let stereo = read("np1.26_stereo.dac").meta;
    assert_eq!((stereo.input_samples, stereo.padding), (Some((1 << 40) + 7), Some(false)));
    let python = read("python.safetensors").meta;
    assert_eq!((python.model.as_deref(), python.input_samples), (Some("44khz"), Some(12700)));
}

fn write(file: &TokenFile, format: Format, options: &WriteOptions) -> Vec<u8> {
    let mut out = Vec::new();
    file.write_to(&mut out, format, options).unwrap();
    out
}

#[test]
fn written_dac_files_equal_those_of_numpy() {
    let default = WriteOptions::default();
    let dac_file =
        |codes: Codes, meta: TokenMeta| write(&TokenFile::of_codes(codes, meta), Format::Dac, &default);
    assert_eq!(dac_file(codes(1, 9, 25), dac_meta(25)), bytes("np1.26_mono.dac"));
    let mut meta = dac_meta(130);
    meta.input_samples = Some((1 << 40) + 7);
    meta.input_rate_hz = Some(192_000);
    meta.chunk_frames = Some(86);
    meta.padding = Some(false);
    assert_eq!(dac_file(codes(2, 12, 130), meta), bytes("np1.26_stereo.dac"));
    let mut meta = dac_meta(25);
    meta.input_samples = Some(0);
    meta.chunk_frames = Some(0);
    assert_eq!(dac_file(codes(1, 9, 0), meta), bytes("np1.26_empty.dac"));
    let mut meta = dac_meta(1300);
    meta.input_samples = Some(70_000);
    meta.input_rate_hz = Some(8000);
    assert_eq!(dac_file(codes(3, 9, 1300), meta), bytes("np1.26_wide.dac"));
}

#[test]
fn written_npy_files_equal_those_of_numpy() {
    let file = TokenFile::of_codes(codes(1, 9, 25), TokenMeta::default());
    let mut options = WriteOptions::default();
    assert_eq!(write(&file, Format::Npy, &options), bytes("np1.26_u16.npy"));
    assert_eq!(write(&file, Format::Npy, &options), bytes("np2.2_u16.npy"));
    let empty = TokenFile::of_codes(codes(1, 9, 0), TokenMeta::default());
    assert_eq!(write(&empty, Format::Npy, &options), bytes("np1.26_empty.npy"));
    options.integer = Some(IntegerType::I64);
    let wide = write(&file, Format::Npy, &options);
    assert_eq!(wide.len(), 128 + 225 * 8);
    let latent = TokenFile::of_z(z(1, 8, 25), TokenMeta::default());
    assert_eq!(write(&latent, Format::Npy, &options), bytes("np1.26_z.npy"));
}

#[test]
fn unreadable_files_give_specific_errors() {
    let old = rejected("np1.26_old.dac");
    assert!(matches!(&old, TokenError::OldDac { field } if field == "original_db"), "{old}");
    assert!(old.to_string().contains("0.0.x"), "{old}");
    assert!(matches!(rejected("np1.26_version2.dac"), TokenError::DacVersion { found } if found == "2.0.0"));
    let system = rejected("hostile_system.dac");
    assert!(matches!(system, TokenError::Pickle(PickleError::GlobalRefused { .. })), "{system}");
    let system = rejected("hostile_system.pt");
    assert!(matches!(system, TokenError::Torch(TorchError::Pickle(PickleError::GlobalRefused { .. }))));
    for legacy in ["torch1.13_legacy.pt", "torch2.15_legacy.pt"] {
        assert!(matches!(rejected(legacy), TokenError::Torch(TorchError::Legacy)));
    }
    assert!(matches!(rejected("np2.2_array_objects.pt"), TokenError::Array(ArrayError::Objects)));
    let huge = rejected("hostile_header.safetensors");
    assert!(matches!(huge, TokenError::TooLarge { declared: 0x1000_0000_0000_0000, .. }), "{huge}");
    let model = rejected("torch2.15_model.pt");
    assert!(
        matches!(&model, TokenError::NoTokens { found, .. } if found == "state_dict, metadata"),
        "{model}"
    );
    assert!(matches!(rejected("np1.26_negative.npy"), TokenError::Codes(_)));
    assert!(matches!(rejected("np1.26_complex.npy"), TokenError::Array(_)));
    assert!(matches!(rejected("np1.26_one_axis.npy"), TokenError::Axes { shape, .. } if shape == [25]));
    assert!(matches!(rejected("np1.26_records.npy"), TokenError::Malformed { .. }));
    assert!(matches!(rejected("README.md"), TokenError::UnknownFormat { .. }));
    assert!(matches!(rejected("no_such_file"), TokenError::Io(_)));
    assert!(matches!(TokenReader::open(Cursor::new([])), Err(TokenError::Empty)));
    let npy = bytes("np1.26_u16.npy");
    let truncated = TokenReader::open(Cursor::new(&npy[..npy.len() - 1])).map(|_| ()).unwrap_err();
    assert!(matches!(truncated, TokenError::Truncated { needed: 578, available: 577, .. }), "{truncated}");
}
