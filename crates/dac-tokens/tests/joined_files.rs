//! Files with bytes after their end, such as several files joined to one.

mod common;

use std::io::Cursor;

use common::codes;
use dac_tokens::{DacpReader, Format, TokenError, TokenFile, TokenMeta, TokenReader, WriteOptions};

fn written(frames: usize, format: Format) -> Vec<u8> {
    let mut meta = TokenMeta::default();
    meta.input_rate_hz = Some(44_100);
    meta.input_samples = Some(frames as u64 * 512);
    meta.input_db = Some(-20.0);
    meta.codebook_size = Some(1024);
    let mut options = WriteOptions::default();
    options.dacp_block_frames = 16;
    let mut out = Vec::new();
    TokenFile::of_codes(codes(1, 9, frames), meta).write_to(&mut out, format, &options).unwrap();
    out
}

#[test]
fn bytes_after_the_tokens_are_counted_and_not_read() {
    for format in [Format::Safetensors, Format::Npy, Format::Dac, Format::Dacp] {
        for frames in [1, 16, 40] {
            let file = written(frames, format);
            for rest in [Vec::new(), vec![0], vec![7; 100], written(33, format), written(0, format)] {
                let joined = [file.clone(), rest.clone()].concat();
                let mut reader = TokenReader::open(Cursor::new(&joined)).unwrap();
                let info = reader.info();
                let what = format!("{format}, {frames} frames and {} bytes", rest.len());
                assert_eq!((info.frames(), info.truncated), (frames, false), "{what}");
                assert_eq!(info.ignored_bytes, rest.len() as u64, "{what}");
                assert_eq!(reader.read_all().unwrap().codes, Some(codes(1, 9, frames)), "{what}");
                if format == Format::Dacp {
                    let mut stream = DacpReader::new(joined.as_slice()).unwrap();
                    while stream.next_codes().unwrap().is_some() {}
                    assert_eq!(stream.has_ignored_bytes().unwrap(), !rest.is_empty(), "{what}");
                }
            }
        }
    }
}

#[test]
fn the_rest_of_a_truncated_stream_is_not_counted() {
    let file = written(40, Format::Dacp);
    for cut in [1, 24, 30, file.len() - 90] {
        let cut = &file[..file.len() - cut];
        let info = TokenReader::open(Cursor::new(cut)).unwrap().info().clone();
        assert!(info.truncated && info.ignored_bytes == 0, "{info:?}");
        let mut stream = DacpReader::new(cut).unwrap();
        while stream.next_codes().unwrap().is_some() {}
        assert!(stream.truncated() && !stream.has_ignored_bytes().unwrap());
    }
}

#[test]
fn files_of_another_kind_are_named_with_the_next_step() {
    for (file, parts) in [
        (
            &b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"[..],
            &["a Git LFS pointer", "git lfs pull"][..],
        ),
        (b"<!DOCTYPE html>\n<html><head><title>404</title></head></html>", &["a web page", "download"]),
        (b"{\"codes\": [[1, 2, 3]]}", &["JSON"]),
        (b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09", &["unknown"]),
    ] {
        let error = TokenFile::read_stream(file).unwrap_err();
        assert!(matches!(error, TokenError::UnknownFormat { .. }), "{error}");
        let error = error.to_string();
        for part in parts.iter().chain(&["not a token file", ".safetensors, .npy, .pt, .dac, .dacp"]) {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
    }
}
