//! Round trips through every format, and resilience against mutated files.

mod common;

use std::io::Cursor;
use std::time::{Duration, Instant};

use common::{bytes, codes, mutate, peak_mib, slice, z};
use dac_tokens::{Format, TokenError, TokenFile, TokenMeta, TokenReader, WriteOptions};

fn meta() -> TokenMeta {
    let mut meta = TokenMeta::default();
    meta.model = Some("44khz".into());
    meta.weights_sha256 = Some("0123456789abcdef".repeat(4));
    meta.model_rate_hz = Some(44100);
    meta.input_rate_hz = Some(48000);
    meta.input_samples = Some(163_840);
    meta.codebook_size = Some(1024);
    meta.hop_samples = Some(512);
    meta.input_db = Some(-19.123_457);
    meta
}

fn encode(file: &TokenFile, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    let mut options = WriteOptions::default();
    options.dacp_block_frames = 16;
    file.write_to(&mut out, format, &options).unwrap();
    out
}

#[test]
fn codes_round_trip_in_every_format_and_shape() {
    for shape @ [channels, codebooks, frames] in
        [[1, 9, 0], [1, 1, 1], [1, 9, 150], [2, 12, 33], [3, 32, 16], [1, 2, 6000]]
    {
        let file = TokenFile::of_codes(codes(channels, codebooks, frames), meta());
        for format in Format::ALL {
            let out = encode(&file, format);
            assert_eq!(Format::sniff(&out), Some(format));
            assert_eq!(encode(&file, format), out, "equal content gives equal bytes");
            let mut reader = TokenReader::open(Cursor::new(&out)).unwrap();
            let whole = reader.read_all().unwrap();
            assert_eq!(whole.codes, file.codes, "{format} {shape:?}");
            assert!(!whole.truncated);
            match format {
                Format::Safetensors | Format::Dacp => assert_eq!(whole.meta, file.meta, "{format}"),
                Format::Dac => {
                    assert_eq!((whole.meta.input_db, whole.meta.padding), (file.meta.input_db, Some(true)));
                    assert_eq!(whole.meta.chunk_frames, Some(frames as u64));
                }
                _ => assert_eq!(whole.meta, TokenMeta::default(), "{format}"),
            }
            for range in [0..frames, 1..17, 15..16, frames.saturating_sub(1)..frames + 5, 16..48, 20..20] {
                let expected = file.codes.as_ref().unwrap().slice_frames(range.clone());
                let part = reader.read_frames(range.clone()).unwrap();
                assert_eq!(part.codes, Some(expected), "{format} {shape:?} {range:?}");
            }
        }
    }
}

#[test]
fn all_arrays_round_trip_in_the_formats_that_store_them() {
    let mut file = TokenFile::of_codes(codes(2, 9, 40), meta());
    file.z = Some(z(2, 64, 40));
    file.latents = Some(z(2, 72, 40));
    for format in [Format::Safetensors, Format::Pt] {
        let mut reader = TokenReader::open(Cursor::new(encode(&file, format))).unwrap();
        let whole = reader.read_all().unwrap();
        assert_eq!(
            (&whole.codes, &whole.z, &whole.latents),
            (&file.codes, &file.z, &file.latents),
            "{format}"
        );
        let part = reader.read_frames(7..30).unwrap();
        assert_eq!(part.z, file.z.as_ref().map(|z| slice(z, 7..30)), "{format}");
        assert_eq!(part.latents, file.latents.as_ref().map(|l| slice(l, 7..30)), "{format}");
    }
    for format in [Format::Npy, Format::Dac, Format::Dacp] {
        let error = file.write_to(Vec::new(), format, &WriteOptions::default()).unwrap_err();
        assert!(matches!(error, TokenError::CannotHold { .. }), "{format}: {error}");
    }
    let mut latents = TokenFile::default();
    latents.latents = Some(z(1, 72, 5));
    for format in [Format::Safetensors, Format::Pt] {
        let out = encode(&latents, format);
        assert_eq!(TokenReader::open(Cursor::new(out)).unwrap().read_all().unwrap().latents, latents.latents);
    }
    let empty = TokenFile::default().write_to(Vec::new(), Format::Safetensors, &WriteOptions::default());
    assert!(matches!(empty, Err(TokenError::CannotHold { .. })));
    let without_metadata = TokenFile::of_codes(codes(1, 9, 4), TokenMeta::default());
    let error = without_metadata.write_to(Vec::new(), Format::Dac, &WriteOptions::default()).unwrap_err();
    assert!(matches!(error, TokenError::Missing { what: "input_db", .. }), "{error}");
}

#[test]
fn the_safetensors_crate_reads_written_files() {
    let mut file = TokenFile::of_codes(codes(2, 9, 41), meta());
    file.z = Some(z(2, 8, 41));
    let out = encode(&file, Format::Safetensors);
    let parsed = safetensors::SafeTensors::deserialize(&out).unwrap();
    let tokens = parsed.tensor("codes").unwrap();
    assert_eq!((tokens.dtype(), tokens.shape()), (safetensors::Dtype::U16, &[2, 9, 41][..]));
    let first: Vec<u8> = file.codes.unwrap().as_slice().iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(tokens.data(), first);
    assert_eq!(parsed.tensor("z").unwrap().dtype(), safetensors::Dtype::F32);
    let (_, header) = safetensors::SafeTensors::read_metadata(&out).unwrap();
    assert_eq!(header.metadata().as_ref().unwrap().get("input_samples").map(String::as_str), Some("163840"));
}

#[test]
fn writing_leaves_no_temporary_files_and_errors_contain_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::of_codes(codes(1, 9, 25), meta());
    for format in Format::ALL {
        let path = folder.path().join("speech").with_extension(format.extension());
        file.write(&path, format, &WriteOptions::default()).unwrap();
        assert_eq!(TokenFile::read(&path).unwrap().codes, file.codes);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), Format::ALL.len());
    let path = folder.path().join("missing/speech.dac");
    let error = file.write(&path, Format::Dac, &WriteOptions::default()).unwrap_err();
    assert!(error.to_string().contains("speech.dac"), "{error}");
}

#[test]
fn codes_beyond_the_codebook_size_are_rejected() {
    let mut small = meta();
    small.codebook_size = Some(500);
    let file = TokenFile::of_codes(codes(1, 9, 25), small);
    let error =
        TokenReader::open(Cursor::new(encode(&file, Format::Safetensors))).unwrap().read_all().unwrap_err();
    assert!(matches!(error, TokenError::Codes(_)), "{error}");
    assert!(file.write_to(Vec::new(), Format::Dacp, &WriteOptions::default()).is_err());
}

/// Reads a file whole, in part and as a stream.
fn read_every_way(data: Vec<u8>) {
    if let Ok(mut reader) = TokenReader::open(Cursor::new(&data)) {
        let _ = reader.read_all();
        let _ = reader.read_frames(3..20);
    }
    if let Ok(mut stream) = dac_tokens::DacpReader::new(data.as_slice()) {
        while let Ok(Some(_)) = stream.next_codes() {}
    }
}

#[test]
fn mutated_files_cause_no_panic_hang_or_large_allocation() {
    let start = Instant::now();
    let mut random = fastrand::Rng::with_seed(7);
    let mut full = TokenFile::of_codes(codes(2, 9, 40), meta());
    let compact = encode(&full, Format::Dacp);
    full.z = Some(z(2, 8, 40));
    let mut valid = vec![compact, encode(&full, Format::Safetensors), encode(&full, Format::Pt)];
    for name in [
        "np1.26_mono.dac",
        "np2.2_protocol5.dac",
        "np1.26_fortran.dac",
        "np1.26_numpy_ints.dac",
        "np1.26_u16.npy",
        "np1.26_fortran.npy",
        "np1.26_version3.npy",
        "np1.26_z_f8_fortran.npy",
        "torch2.15_dict.pt",
        "torch1.13_codes.pt",
        "python.safetensors",
        "python_int64.safetensors",
    ] {
        valid.push(bytes(name));
    }
    for file in &valid {
        for _ in 0..1500 {
            let mut broken = file.clone();
            mutate(&mut random, &mut broken);
            read_every_way(broken);
        }
    }
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    assert!(peak_mib() < 128, "{} MiB", peak_mib());
}

#[test]
fn an_unknown_codebook_size_stays_unknown() {
    let mut meta = meta();
    meta.codebook_size = None;
    let file = TokenFile::of_codes(codes(1, 9, 40), meta);
    for format in Format::ALL {
        let found = TokenFile::read_stream(Cursor::new(encode(&file, format))).unwrap();
        assert_eq!((found.meta.codebook_size, found.codes), (None, file.codes.clone()), "{format}");
    }
}

#[test]
fn windows_round_trip_or_are_rejected() {
    for (chunk_frames, padding) in [(Some(20), true), (Some(40), false)] {
        let mut meta = meta();
        (meta.chunk_frames, meta.padding) = (chunk_frames, Some(padding));
        let file = TokenFile::of_codes(codes(1, 9, 40), meta);
        for format in Format::ALL {
            let mut out = Vec::new();
            match file.write_to(&mut out, format, &WriteOptions::default()) {
                Ok(()) => {
                    let found = TokenFile::read_stream(Cursor::new(out)).unwrap().meta;
                    assert_eq!(
                        (found.chunk_frames, found.padding),
                        (chunk_frames, Some(padding)),
                        "{format}"
                    );
                }
                Err(error) => assert!(error.to_string().contains("windows"), "{format}: {error}"),
            }
        }
    }
}

#[test]
fn endless_streams_of_another_type_are_rejected() {
    let endless = std::io::repeat(7);
    assert!(matches!(TokenFile::read_stream(endless), Err(TokenError::UnknownFormat { .. })));
}
