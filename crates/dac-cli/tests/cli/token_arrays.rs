//! Arrays in token files: integer types, wrong types, shapes and values, joined and empty streams.

use std::fs;

use dac::tokens::{Format, IntegerType, TokenReader};

use crate::support::{Lab, wav_bytes};

/// A .npy file.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

fn codes(count: usize, value: impl Fn(usize) -> i64) -> Vec<u8> {
    (0..count).flat_map(|at| value(at).to_le_bytes()).collect()
}

#[test]
fn dtype_sets_the_integers_of_every_format_that_can_hold_them() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 3000, &[0.5]);
    lab.dac("encode a.wav --output default --model tiny").expect(0);
    let expected = dac::TokenFile::read(&lab.path("default/a.safetensors")).unwrap().codes;
    for (format, dtype) in [
        ("npy", IntegerType::U16),
        ("npy", IntegerType::I32),
        ("npy", IntegerType::I64),
        ("safetensors", IntegerType::U16),
        ("safetensors", IntegerType::I32),
        ("safetensors", IntegerType::I64),
        ("pt", IntegerType::I32),
        ("pt", IntegerType::I64),
        ("dac", IntegerType::U16),
    ] {
        let encode = format!("encode a.wav --model tiny --format {format} --dtype {dtype}");
        lab.dac(&format!("{encode} --output {format}{dtype}")).expect(0);
        let mut reader = TokenReader::open_path(&lab.path(&format!("{format}{dtype}/a.{format}"))).unwrap();
        assert_eq!(reader.info().integer, Some(dtype), "{format}");
        assert_eq!(reader.read_all().unwrap().codes, expected, "{format} {dtype}");
        lab.dac(&format!("{encode} --output tar{format}{dtype} --pack tar")).expect(0);
        let shard = lab.read(&format!("tar{format}{dtype}/tokens-000000.tar"));
        let member = lab.read(&format!("{format}{dtype}/a.{format}"));
        assert!(shard.windows(member.len()).any(|window| window == member), "{format} {dtype}");
    }
    for dtype in IntegerType::ALL {
        let encode =
            format!("encode a.wav --output parquet{dtype} --model tiny --pack parquet --dtype {dtype}");
        lab.dac(&encode).expect(0);
        let again = lab.dac(&format!("{encode} --json")).expect(0);
        assert_eq!(again.records()[0]["status"], "skipped", "{dtype}");
    }
    for (options, expected) in [
        (
            "--format pt --dtype u16",
            "--dtype u16: a .pt file cannot store codes as u16 (it stores i64 or i32)",
        ),
        ("--format dac --dtype i64", "a .dac file cannot store codes as i64 (it stores u16)"),
        ("--format dacp --dtype u16", "a .dacp file cannot store codes as u16 (it stores packed codes)"),
        ("--pack parquet --format npy", "--pack parquet cannot be combined with --format"),
        ("--dtype u32", "invalid value 'u32'"),
    ] {
        lab.dac(&format!("encode a.wav --output no --model tiny {options}")).expect(2).says(expected);
    }
}

#[test]
fn another_dtype_is_another_result() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 3000, &[0.5]);
    let encode = "encode a.wav --output t --model tiny";
    lab.dac(encode).expect(0);
    lab.dac(&format!("{encode} --dtype i64")).expect(0).says("dtype");
    let info = lab.dac("info t/a.safetensors --json").expect(0).records().remove(0);
    assert_eq!(info["codes_dtype"], "i64");
    // Also without a manifest.
    fs::remove_file(lab.path("t/.dac-manifest.jsonl")).unwrap();
    lab.dac(encode).expect(1).says("differs in dtype");
    lab.dac(&format!("{encode} --dtype i64")).expect(0);
}

#[test]
fn arrays_that_are_not_codes_are_explained() {
    let lab = Lab::new();
    for (name, file, parts) in [
        ("mask", npy("|b1", "1, 9, 40", &[1; 360]), &["elements of type Bool", "padding mask"][..]),
        ("rows", npy("<i8", "40, 9", &codes(360, |at| at as i64)), &["[1, 40, 9]", "looks transposed"]),
        ("float", npy("<f4", "9, 40", &[0; 1440]), &["[channels, 256, frames]", "floats are read as z"]),
        (
            "padded",
            npy("<i8", "9, 40", &codes(360, |_| -1)),
            &["-1 at frame 0, which is negative", "below 1024"],
        ),
        ("special", npy("<i8", "9, 40", &codes(360, |_| 1025)), &["below 1024", "special tokens", "EOS"]),
        ("large", npy("<i8", "9, 40", &codes(360, |_| 70_000)), &["70000", "below 1024", "special tokens"]),
        (
            "lfs",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n".to_vec(),
            &["git lfs pull"],
        ),
    ] {
        lab.put(&format!("{name}.npy"), &file);
        let run = lab.dac(&format!("decode {name}.npy --output d --model tiny")).expect(1);
        for part in parts {
            run.says(part);
        }
        let piped = lab.run_with("decode - --model tiny", &file);
        let stderr = String::from_utf8(piped.stderr).unwrap();
        assert_eq!((piped.status.code(), piped.stdout.len()), (Some(1), 0), "{name}: {stderr}");
        assert!(parts.iter().all(|part| stderr.contains(part)), "{name}: {stderr}");
        assert!(!stderr.contains("65536") && !run.stderr.contains("65536"), "{name}: {stderr}");
    }
}

#[test]
fn streams_without_frames_fail_in_a_pipe_as_in_a_file() {
    let lab = Lab::new();
    let tokens = lab.pipe("encode - --model tiny", &wav_bytes(44100, 5_000, &[0.5]));
    // The header without blocks, and the header and the end block of another stream without frames.
    let header = usize::from(u16::from_le_bytes([tokens[10], tokens[11]]));
    let mut empty = tokens[..header].to_vec();
    let codes = dac::Codes::new(Vec::new(), [1, 9, 0]).unwrap();
    let mut ended = Vec::new();
    let file = dac::TokenFile::of_codes(
        codes,
        TokenReader::from_stream(tokens.as_slice()).unwrap().info().meta.clone(),
    );
    file.write_to(&mut ended, Format::Dacp, &dac::tokens::WriteOptions::default()).unwrap();
    for (file, text) in [(&mut empty, "0 frames"), (&mut ended, "")] {
        lab.put("empty.dacp", file);
        let run = lab.dac("decode empty.dacp --output d --model tiny").expect(1);
        run.says("codes is empty, expected at least one sample or frame").says(text);
        let piped = lab.run_with("decode - --model tiny", file);
        let stderr = String::from_utf8(piped.stderr).unwrap();
        assert_eq!((piped.status.code(), piped.stdout.len()), (Some(1), 0), "{stderr}");
        assert!(stderr.contains("codes is empty, expected at least one sample or frame"), "{stderr}");
        assert!(stderr.contains(text), "{stderr}");
    }
}

#[test]
fn bytes_after_the_tokens_cause_a_warning() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 5_000, &[0.5]);
    let warning = "bytes after the end of the tokens are ignored";
    for format in ["dacp", "safetensors", "npy", "dac"] {
        lab.dac(&format!("encode a.wav --output t --model tiny --format {format}")).expect(0);
        let file = lab.read(&format!("t/a.{format}"));
        let whole = lab.pipe("decode - --raw --model tiny", &file);
        for (name, rest, warned) in
            [("one", vec![], false), ("junk", vec![7; 9], true), ("joined", file.clone(), true)]
        {
            let bytes = [file.clone(), rest.clone()].concat();
            lab.put(&format!("{name}.{format}"), &bytes);
            let run = lab.dac(&format!("decode {name}.{format} --output d-{format} --model tiny")).expect(0);
            assert_eq!(run.stderr.contains(warning), warned, "{name}.{format}: {}", run.stderr);
            let piped = lab.run_with("decode - --raw --model tiny", &bytes);
            let stderr = String::from_utf8(piped.stderr).unwrap();
            assert_eq!(
                (piped.status.code(), stderr.contains(warning)),
                (Some(0), warned),
                "{name}: {stderr}"
            );
            assert_eq!(piped.stdout, whole, "{name}.{format}");
            let info = lab.dac(&format!("info {name}.{format} --json")).expect(0).records().remove(0);
            assert_eq!(info["ignored_bytes"].as_u64().unwrap_or(0), rest.len() as u64, "{name}.{format}");
        }
    }
}

#[test]
fn channels_that_cancel_each_other_cause_a_warning() {
    let lab = Lab::new();
    let half = wav_bytes(44100, 5_000, &[0.5]);
    let samples = half[44..].chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]]));
    let data: Vec<u8> = samples.flat_map(|s| [s.to_le_bytes(), (-s).to_le_bytes()].concat()).collect();
    let wav = crate::support::wav_file(1, 44100, 2, 16, &data);
    lab.put("a.wav", &wav);
    let warning = "the channels cancel each other";
    lab.dac("encode a.wav --output t --model tiny").expect(0).says(warning).says("--channels keep");
    let keep = lab.dac("encode a.wav --output k --model tiny --channels keep").expect(0);
    assert!(!keep.stderr.contains(warning), "{}", keep.stderr);
    lab.dac("roundtrip a.wav --output r --model tiny").expect(0).says(warning);
    lab.dac("report a.wav --output a.html --model tiny --quantizers 1").expect(0).says(warning);
    assert!(String::from_utf8(lab.read("a.html")).unwrap().contains(warning));
    let piped = lab.run_with("encode - --model tiny", &wav);
    assert!(String::from_utf8(piped.stderr).unwrap().contains(warning));
    let info = lab.dac("info t/a.safetensors --json").expect(0).records().remove(0);
    assert!(info["input_warning"].as_str().unwrap().contains(warning), "{info}");
}
