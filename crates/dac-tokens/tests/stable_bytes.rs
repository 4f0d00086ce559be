//! Bytes of every format, pinned: files written by one version equal those of the next.

mod common;

use common::{codes, z};
use dac_tokens::{Format, TokenFile, TokenMeta, WriteOptions};

fn full_meta() -> TokenMeta {
    let mut meta = TokenMeta::default();
    meta.model = Some("44khz".into());
    meta.weights_sha256 = Some("0123456789abcdef".repeat(4));
    meta.model_rate_hz = Some(44100);
    meta.input_rate_hz = Some(48000);
    meta.input_samples = Some((1 << 40) + 7);
    meta.replaced_samples = Some(3);
    meta.input_truncated = Some(true);
    meta.codebook_size = Some(1024);
    meta.hop_samples = Some(512);
    meta.input_db = Some(-19.123_457);
    meta.chunk_frames = Some(40);
    meta.padding = Some(true);
    meta
}

fn write(file: &TokenFile, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    file.write_to(&mut out, format, &WriteOptions::default()).unwrap();
    out
}

/// The JSON header of a safetensors file, without its padding.
fn header(file: &TokenFile) -> String {
    let out = write(file, Format::Safetensors);
    let length = u64::from_le_bytes(out[..8].try_into().unwrap()) as usize;
    assert_eq!(length % 8, 0);
    String::from_utf8(out[8..8 + length].to_vec()).unwrap().trim_end().to_owned()
}

#[test]
fn safetensors_headers_contain_known_metadata_as_text() {
    let file = TokenFile::of_codes(codes(2, 9, 40), full_meta());
    let expected = concat!(
        r#"{"__metadata__":{"channels":"2","chunk_frames":"40","codebook_size":"1024","hop_samples":"512","#,
        r#""input_db":"-19.123457","input_rate_hz":"48000","input_samples":"1099511627783","#,
        r#""input_truncated":"true","model":"44khz","model_rate_hz":"44100","padding":"true","#,
        r#""replaced_samples":"3","weights_sha256":"#,
        r#""0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},"#,
        r#""codes":{"data_offsets":[0,1440],"dtype":"U16","shape":[2,9,40]}}"#,
    );
    assert_eq!(header(&file), expected);
    let mut file = TokenFile::of_codes(codes(1, 9, 4), TokenMeta::default());
    file.z = Some(z(1, 8, 4));
    file.latents = Some(z(1, 72, 4));
    let expected = concat!(
        r#"{"__metadata__":{"channels":"1"},"#,
        r#""codes":{"data_offsets":[1280,1352],"dtype":"U16","shape":[1,9,4]},"#,
        r#""latents":{"data_offsets":[128,1280],"dtype":"F32","shape":[1,72,4]},"#,
        r#""z":{"data_offsets":[0,128],"dtype":"F32","shape":[1,8,4]}}"#,
    );
    assert_eq!(header(&file), expected);
}

#[test]
fn every_format_writes_the_same_bytes_as_before() {
    let file = TokenFile::of_codes(codes(2, 9, 40), full_meta());
    let sums = Format::ALL.map(|format| {
        let bytes = write(&file, format);
        (format.extension(), bytes.len(), crc32fast::hash(&bytes))
    });
    let expected = [
        ("safetensors", 1880, 3_541_132_089),
        ("npy", 1568, 922_775_797),
        ("pt", 6474, 1_394_719_976),
        ("dac", 2074, 2_384_612_760),
        ("dacp", 1018, 2_923_336_204),
    ];
    assert_eq!(sums, expected);
}
