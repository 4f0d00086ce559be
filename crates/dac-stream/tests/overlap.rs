//! Overlap mode against an independent implementation of it (`fixtures/python/overlap_model.py`).

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "reads fixtures")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dac_model::{Checkpoint, Codec, CodecOptions, Preset, RandomWeights};
use dac_nn::Device;
use dac_rvq::cpu::QuantizedRows;
use dac_rvq::{Array3, Codes};
use dac_stream::overlap::{OverlapEncoder, OverlapSettings, decode_codes, decode_z};
use safetensors::SafeTensors;

use common::devices;

/// Codes may differ where the distances of the two nearest entries differ by less than this.
const TIE_MARGIN: f32 = 1e-5;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/parity")
}

fn codec(device: Device) -> Codec {
    let mut checkpoint = Checkpoint::open(&fixtures().join("44khz/weights.pth"), None).unwrap();
    let shape = checkpoint.shape().clone();
    Codec::load(&shape, &mut checkpoint, CodecOptions::on(device)).unwrap()
}

fn input() -> Vec<f32> {
    let bytes = std::fs::read(fixtures().join("overlap/input.wav")).unwrap();
    bytes[44..].chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32768.0).collect()
}

fn f32s(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let bytes = file.tensor(name).unwrap().data().to_vec();
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn shape(file: &SafeTensors<'_>, name: &str) -> [usize; 3] {
    file.tensor(name).unwrap().shape().try_into().unwrap()
}

fn codes(file: &SafeTensors<'_>, name: &str) -> Codes {
    let view = file.tensor(name).unwrap();
    let values: Vec<i64> =
        view.data().chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect();
    Codes::from_i64(&values, shape(file, name)).unwrap()
}

#[test]
fn encoding_equals_the_hance_ai_wrapper() {
    let bytes = std::fs::read(fixtures().join("overlap/expected.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for device in devices() {
        let codec = Arc::new(codec(device));
        for (name, seconds) in [("1s", 1.0), ("0.3s", 0.3)] {
            let settings = OverlapSettings { encoding_chunk_seconds: seconds, ..OverlapSettings::default() };
            let mut encoder = OverlapEncoder::new(codec.clone(), None, &settings);
            let mut rows = QuantizedRows::default();
            for part in input().chunks(10_007) {
                encoder.push(part, &mut rows).unwrap();
            }
            encoder.flush(&mut rows).unwrap();
            let found = Codes::from_rows(&rows.codes, 9).unwrap();
            let expected = codes(&file, &format!("encode.{name}.codes"));
            assert_eq!(found.shape(), expected.shape());
            let margins = f32s(&file, &format!("encode.{name}.margins"));
            let (frames, mut equal) = (found.frames(), vec![true; found.frames()]);
            for (t, equal) in equal.iter_mut().enumerate() {
                let differing =
                    (0..9).find(|k| found.as_slice()[k * frames + t] != expected.as_slice()[k * frames + t]);
                if let Some(k) = differing {
                    assert!(
                        margins[k * frames + t] < TIE_MARGIN,
                        "{device}, {name}: frame {t}, codebook {k}"
                    );
                    *equal = false;
                }
            }
            let wanted = Array3::new(
                f32s(&file, &format!("encode.{name}.z")),
                shape(&file, &format!("encode.{name}.z")),
            )
            .unwrap();
            let (latent, wanted) = (wanted.shape()[1], wanted.to_rows(0));
            for t in (0..frames).filter(|t| equal[*t]) {
                for (a, b) in rows.z[t * latent..(t + 1) * latent].iter().zip(&wanted[t * latent..]) {
                    assert!(
                        (a - b).abs() <= 1e-4 * b.abs().max(1.0),
                        "{device}, {name}: z of frame {t}: {a} {b}"
                    );
                }
            }
        }
    }
}

#[test]
fn decoding_equals_the_hance_ai_wrapper() {
    let bytes = std::fs::read(fixtures().join("overlap/expected.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let text = std::fs::read(fixtures().join("overlap/settings.json")).unwrap();
    let settings: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let all = codes(&file, "encode.1s.codes");
    for device in devices() {
        let codec = codec(device);
        for (name, case) in settings["decode"].as_object().unwrap() {
            let number = |key: &str| case[key].as_f64().unwrap();
            let settings = OverlapSettings {
                decoding_chunk_rate: number("decoding_chunk_rate"),
                decoding_overlap_rate: number("decoding_overlap_rate"),
                ..OverlapSettings::default()
            };
            let frames = number("frames") as usize;
            let chunks: Vec<[u64; 3]> = settings
                .decoding_chunks(frames)
                .iter()
                .map(|c| [c.start_frame as u64, c.frames as u64, c.overlap_frames as u64])
                .collect();
            assert_eq!(serde_json::json!(chunks), case["chunks"], "{name}");
            let codes = all.slice_frames(0..frames);
            let found = decode_codes(&codec, &codes, &settings).unwrap();
            let scale = f32s(&file, &format!("decode.{name}.scale"))[0];
            let steps = file.tensor(&format!("decode.{name}.audio")).unwrap().data().to_vec();
            let expected: Vec<f32> =
                steps.chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) * scale).collect();
            assert_eq!(found.len(), expected.len(), "{device}, {name}");
            let largest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(largest <= scale + 5e-5, "{device}, {name}: {largest}");
            let z = codec.codes_to_z(&codes).unwrap();
            let from_z = decode_z(&codec, &z, &settings).unwrap();
            assert!(from_z.iter().zip(&found).all(|(a, b)| (a - b).abs() <= 1e-6), "{device}, {name}");
        }
    }
}

#[test]
fn invalid_settings_give_one_chunk() {
    let settings = OverlapSettings::default();
    for frames in 1..10 {
        assert_eq!(settings.decoding_chunks(frames).len(), 1);
    }
    let whole_overlap = OverlapSettings { decoding_overlap_rate: 1.0, ..settings };
    assert_eq!(whole_overlap.decoding_chunks(100).len(), 1);
    let broken = OverlapSettings { decoding_chunk_rate: f64::NAN, decoding_overlap_rate: -3.0, ..settings };
    assert_eq!(broken.decoding_chunks(100).len(), 1);
}

#[test]
fn chunks_of_a_stride_of_five_do_not_drift() {
    let settings = OverlapSettings::default();
    let mut shape = Preset::Khz24.shape();
    (shape.encoder_dim, shape.decoder_dim, shape.latent_dim, shape.codebook_size) = (1, 16, 16, 64);
    let codec = Codec::load(&shape, &mut RandomWeights::new(shape.clone(), 2), CodecOptions::on(Device::Cpu))
        .unwrap();
    let codes = Codes::new((0..32 * 60).map(|i| (i * 29 % 64) as u16).collect(), [1, 32, 60]).unwrap();
    let whole = codec.decode_codes(&codes).unwrap().into_vec();
    for overlap in [0.0, 0.5] {
        let settings =
            OverlapSettings { decoding_chunk_rate: 0.5, decoding_overlap_rate: overlap, ..settings };
        let joined = decode_codes(&codec, &codes, &settings).unwrap();
        assert_eq!(joined.len(), 60 * 320);
        // Inside a chunk that is not averaged, samples are those of the whole decode.
        let inside = (18 * 320..19 * 320).map(|i| (joined[i] - whole[i]).abs()).fold(0.0, f32::max);
        let late = (44 * 320..45 * 320).map(|i| (joined[i] - whole[i]).abs()).fold(0.0, f32::max);
        assert!(overlap > 0.0 || (inside <= 5e-5 && late <= 5e-5), "{inside} {late}");
    }
}
