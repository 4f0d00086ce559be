//! Windowed mode against `.dac` files that the reference wrote (`fixtures/python/descript_mode.py`).
#![allow(clippy::print_stderr, reason = "excused ties are listed")]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use dac::audio::{AudioReader, LoudnessMeter, Resampler};
use dac::tokens::{Format, WriteOptions};
use dac::{
    Audio, ChannelMix, Chunking, Dac, DecodeOptions, Device, EncodeOptions, Error, LoadOptions, ModelSource,
    OutputRate, SampleFormat, TokenFile,
};
use safetensors::SafeTensors;
use serde_json::Value;

/// Codes may differ where the distances of the reference's two nearest entries differ by less than this: the
/// gain adds its own rounding.
const TIE_MARGIN: f32 = 1e-5;
/// Largest difference of decoded audio, relative to its peak.
const AUDIO_OF_PEAK: f32 = 1e-4;
/// Case with a resampled input, by two different resamplers: its codes differ, its audio is compared by
/// level.
const RESAMPLED: &str = "24khz_resampled";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn cases() -> serde_json::Map<String, Value> {
    let text = std::fs::read(fixtures().join("parity/descript/cases.json")).unwrap();
    serde_json::from_slice::<Value>(&text).unwrap().as_object().unwrap().clone()
}

fn model(case: &Value, device: Device) -> Dac {
    let path = fixtures().join("parity").join(case["model"].as_str().unwrap()).join("weights.pth");
    Dac::open(&ModelSource::File(path), None, &LoadOptions::on(device)).unwrap()
}

fn devices() -> Vec<Device> {
    Device::compiled().into_iter().filter(|d| matches!(d, Device::Cpu | Device::Flex)).collect()
}

/// Restores the input's rate, length and loudness.
fn restoring() -> DecodeOptions {
    DecodeOptions { output_rate: OutputRate::Input, restore_loudness: true, ..DecodeOptions::default() }
}

fn windowed(seconds: f64) -> EncodeOptions {
    EncodeOptions { chunk: Chunking::Windowed { seconds }, ..EncodeOptions::default() }
}

fn file(name: &str) -> PathBuf {
    fixtures().join("parity/descript").join(format!("{name}.dac"))
}

/// Reads the audio that a case was encoded from.
fn input(case: &Value) -> Audio {
    let samples = case["samples"].as_u64().map_or(usize::MAX, |n| n as usize);
    let path = case["input"].as_str().unwrap();
    if path == "zeros" {
        return Audio::mono(vec![0.0; samples], 16000);
    }
    let mut audio = Audio::read(fixtures().join(path)).unwrap();
    audio.channels.iter_mut().for_each(|channel| channel.truncate(samples));
    audio
}

struct Expected(Vec<u8>);

impl Expected {
    fn read() -> Self {
        Self(std::fs::read(fixtures().join("parity/descript/expected.safetensors")).unwrap())
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let bytes = file.tensor(name).unwrap().data().to_vec();
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    }

    /// Output of the reference's `decompress`, `[channels][samples]`.
    fn audio(&self, name: &str) -> Vec<Vec<f32>> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(&format!("{name}.audio")).unwrap();
        let scale = self.floats(&format!("{name}.scale"))[0];
        let value = |b: &[u8]| f32::from(i16::from_le_bytes(b.try_into().unwrap())) * scale;
        let values: Vec<f32> = view.data().chunks_exact(2).map(value).collect();
        values.chunks(view.shape()[1]).map(<[f32]>::to_vec).collect()
    }
}

fn peak(signal: &[f32]) -> f32 {
    signal.iter().fold(0.0, |peak, v| peak.max(v.abs()))
}

/// Returns the gain that brings `found` nearest to `expected`.
fn fitted_gain(found: &[f32], expected: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    (dot(found, expected) / dot(found, found)) as f32
}

/// Resamples to half the rate, which removes the upper half of the frequencies.
fn lower_half(signal: &[f32]) -> Vec<f32> {
    let mut resampler = Resampler::new(16000, 8000, 1).unwrap();
    let mut out = resampler.push(&[signal]).unwrap().remove(0);
    out.extend(resampler.flush().unwrap().remove(0));
    out
}

fn largest_difference(found: &[f32], expected: &[f32], gain: f32) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(f, e)| (f * gain - e).abs()).fold(0.0, f32::max)
}

#[test]
fn the_references_files_decode_to_its_audio() {
    let expected = Expected::read();
    for (name, case) in cases() {
        for device in devices() {
            let dac = model(&case, device);
            let tokens = TokenFile::read(&file(&name)).unwrap();
            let decoded = dac.decode(&tokens, &restoring()).unwrap();
            let expected = expected.audio(&name);
            assert_eq!(u64::from(decoded.rate_hz), case["sample_rate_hz"].as_u64().unwrap(), "{name}");
            assert_eq!(decoded.channels.len(), expected.len(), "{name}");
            for (found, expected) in decoded.channels.iter().zip(&expected) {
                // The reference brings each channel to the same loudness; we keep the balance.
                let stereo = decoded.channels.len() > 1;
                let gain = if stereo { fitted_gain(found, expected) } else { 1.0 };
                let off = largest_difference(found, expected, gain) / peak(expected);
                eprintln!("{name}, {device}: {off:e} of the peak, gain {gain}");
                if name != RESAMPLED {
                    assert!(off <= AUDIO_OF_PEAK, "{name}, {device}: off by {off} of the peak");
                    continue;
                }
                // The two resamplers differ near the highest frequency only.
                let (found, expected) = (lower_half(found), lower_half(expected));
                let error: f64 = found.iter().zip(&expected).map(|(f, e)| f64::from(f - e).powi(2)).sum();
                let power: f64 = expected.iter().map(|e| f64::from(*e).powi(2)).sum();
                let error_db = 10.0 * (error / power).log10();
                eprintln!("{name}, {device}: {error_db} dB");
                assert!(error_db < -40.0, "{name}, {device}: the error is at {error_db} dB");
            }
        }
    }
}

#[test]
fn the_references_inputs_encode_to_its_codes_and_metadata() {
    let expected = Expected::read();
    for (name, case) in cases() {
        for device in devices() {
            let dac = model(&case, device);
            let options = EncodeOptions {
                channels: ChannelMix::Keep,
                codebooks: case["n_quantizers"].as_u64().map(|n| n as usize),
                ..windowed(case["win_duration_s"].as_f64().unwrap())
            };
            let found = dac.encode(&input(&case), &options).unwrap();
            let mut reference = TokenFile::read(&file(&name)).unwrap();

            let db = |tokens: &TokenFile| tokens.meta.input_db.unwrap();
            assert!((db(&found) - db(&reference)).abs() < 0.1, "{name}: {} dB", db(&found));
            let windows = |t: &TokenFile| {
                (t.meta.input_samples, t.meta.input_rate_hz, t.meta.chunk_frames, t.meta.padding)
            };
            assert_eq!(windows(&found), windows(&reference), "{name}, {device}");

            let (codes, wanted) = (found.codes.clone().unwrap(), reference.codes.clone().unwrap());
            assert_eq!(codes.shape(), wanted.shape(), "{name}, {device}");
            if name == RESAMPLED {
                let same = codes.as_slice().iter().zip(wanted.as_slice()).filter(|(a, b)| a == b).count();
                eprintln!("{name}, {device}: {same} of {} codes", wanted.as_slice().len());
                continue;
            }
            let margins = expected.floats(&format!("{name}.margins"));
            let [channels, codebooks, frames] = wanted.shape();
            let mut excused = 0;
            for (channel, frame) in (0..channels).flat_map(|c| (0..frames).map(move |t| (c, t))) {
                let at = |k: usize| (channel * codebooks + k) * frames + frame;
                let differs = |k: &usize| codes.as_slice()[at(*k)] != wanted.as_slice()[at(*k)];
                if let Some(k) = (0..codebooks).find(differs) {
                    let margin = margins[at(k)];
                    assert!(
                        margin < TIE_MARGIN,
                        "{name}, {device}: channel {channel}, frame {frame}, codebook {k} at {margin}"
                    );
                    eprintln!(
                        "{name}, {device}: excused channel {channel}, frame {frame}, codebook {k} at {margin}"
                    );
                    excused += 1;
                }
            }
            if excused == 0 {
                // Equal bytes, except for the last digits of the measured loudness.
                reference.meta.input_db = found.meta.input_db;
                let bytes = |tokens: &TokenFile| {
                    let mut bytes = Vec::new();
                    tokens.write_to(&mut bytes, Format::Dac, &WriteOptions::default()).unwrap();
                    bytes
                };
                assert!(bytes(&found) == bytes(&reference), "{name}, {device}: the files differ");
            }
        }
    }
}

#[test]
fn loudness_equals_the_references_on_twelve_signals() {
    let text = std::fs::read(fixtures().join("parity/descript/loudness.json")).unwrap();
    let signals: Vec<Value> = serde_json::from_slice(&text).unwrap();
    assert_eq!(signals.len(), 12);
    for signal in signals {
        let number = |value: &Value, key: &str| value[key].as_f64().unwrap_or(0.0);
        let (rate_hz, samples) = (number(&signal, "sample_rate_hz"), number(&signal, "samples") as usize);
        let part = |part: &Value| -> Vec<f64> {
            let (amplitude, hz) = (number(part, "amplitude"), number(part, "frequency_hz"));
            let mut x = part["seed"].as_u64().unwrap_or(0) as u32;
            let within = |t: f64| {
                part["from_s"].is_null() || (number(part, "from_s") <= t && t < number(part, "to_s"))
            };
            let turn = |t: f64| 2.0 * std::f64::consts::PI * t;
            let mut value = |n: usize| {
                let t = n as f64 / rate_hz;
                match part["kind"].as_str().unwrap() {
                    "sine" => (turn(hz) * t).sin(),
                    "voice" => {
                        let harmonics = (1..=20).map(f64::from);
                        let sum: f64 = harmonics.map(|h| (turn(h * hz) * t).sin() / h).sum();
                        (0.55 + 0.45 * (turn(4.0) * t).sin()) * sum
                    }
                    "noise" => {
                        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        f64::from(x) / 2_147_483_648.0 - 1.0
                    }
                    "impulse" => f64::from(u8::from(n as f64 == number(part, "at"))),
                    other => panic!("{other}"),
                }
            };
            (0..samples)
                .map(|n| value(n) * amplitude * f64::from(u8::from(within(n as f64 / rate_hz))))
                .collect()
        };
        let channel = |parts: &Value| -> Vec<f32> {
            let parts: Vec<_> = parts.as_array().unwrap().iter().map(part).collect();
            (0..samples).map(|n| parts.iter().map(|p| p[n]).sum::<f64>() as f32).collect()
        };
        let channels: Vec<_> = signal["channels"].as_array().unwrap().iter().map(channel).collect();
        let mut meter = LoudnessMeter::new(rate_hz as u32, channels.len()).unwrap();
        meter.push(&channels).unwrap();
        let (found, expected) = (meter.integrated_db(), number(&signal, "loudness_db"));
        assert!((found - expected).abs() < 0.1, "{}: {found} dB, not {expected}", signal["name"]);
    }
}

#[test]
fn one_gain_for_all_channels_restores_the_loudness() {
    let case = &cases()["44khz_stereo_whole"];
    let dac = model(case, Device::Cpu);
    let tokens = TokenFile::read(&file("44khz_stereo_whole")).unwrap();
    let options = DecodeOptions { restore_loudness: false, ..restoring() };
    let plain = dac.decode(&tokens, &options).unwrap();
    let gain = dac.loudness_gain(&tokens, None).unwrap();
    let restored = dac.decode(&tokens, &restoring()).unwrap();
    for (plain, restored) in plain.channels.iter().zip(&restored.channels) {
        assert!(largest_difference(plain, restored, gain) < 1e-6);
    }
    // The gain was measured on all samples of 18 frames, a few more than the 8820 that are returned.
    let mut meter = LoudnessMeter::new(44100, 2).unwrap();
    meter.push(&restored.channels).unwrap();
    assert!((meter.integrated_db() - f64::from(tokens.meta.input_db.unwrap())).abs() < 0.5);

    // An invalid or missing loudness changes nothing; one below −70 dB counts as −70 dB.
    let mut odd = tokens.clone();
    for db in [None, Some(f32::NAN), Some(f32::INFINITY), Some(1e30)] {
        odd.meta.input_db = db;
        assert_eq!(dac.loudness_gain(&odd, None).unwrap(), 1.0, "{db:?}");
    }
    odd.meta.input_db = Some(f32::NEG_INFINITY);
    let lowest = dac.loudness_gain(&odd, None).unwrap();
    odd.meta.input_db = Some(-70.0);
    assert!(lowest > 0.0 && lowest == dac.loudness_gain(&odd, None).unwrap());
}

#[test]
fn files_readers_and_audio_in_memory_encode_alike() {
    let case = &cases()["24khz_1s"];
    let dac = model(case, Device::Cpu);
    let path = fixtures().join(case["input"].as_str().unwrap());
    let options = windowed(1.0);
    let expected = dac.encode(&Audio::read(&path).unwrap(), &options).unwrap();
    let mut finished = 0;
    let mut progress = |samples: u64| {
        finished = samples;
        ControlFlow::Continue(())
    };
    let found = dac.encode_reader(&mut || AudioReader::open(&path), &options, &mut progress).unwrap();
    assert_eq!((&found, finished), (&expected, 25200));
    assert_eq!(dac.encode_file(&path, &options, &mut ()).unwrap(), expected);
    let measured = dac.measure_loudness(AudioReader::open(&path).unwrap(), ChannelMix::Mono).unwrap();
    assert_eq!((Some(measured.input_db), measured.model_samples), (expected.meta.input_db, 25200));

    let folder = tempfile::tempdir().unwrap();
    let wav = folder.path().join("decoded.wav");
    dac.decode_to_file(&expected, &wav, SampleFormat::F32, &restoring(), &mut ()).unwrap();
    assert_eq!(Audio::read(&wav).unwrap(), dac.decode(&expected, &restoring()).unwrap());
}

#[test]
fn invalid_windows_and_lengths_are_refused_or_limited() {
    let case = &cases()["24khz_1s"];
    let dac = model(case, Device::Cpu);
    let path = fixtures().join(case["input"].as_str().unwrap());
    let refused = dac.encode_file(&path, &windowed(0.4), &mut ()).unwrap_err();
    assert!(refused.to_string().contains("0.453"), "{refused}");
    let empty = dac.encode(&Audio::mono(vec![], 24000), &windowed(1.0));
    assert!(matches!(empty, Err(Error::NoSamples { .. })));

    let mut tokens = dac.encode_file(&path, &windowed(1.0), &mut ()).unwrap();
    let chunk_frames = tokens.meta.chunk_frames;
    tokens.meta.chunk_frames = Some(0);
    assert!(matches!(dac.decode(&tokens, &restoring()), Err(Error::InvalidOption { .. })));
    tokens.meta.chunk_frames = Some(17);
    assert!(matches!(dac.decode(&tokens, &restoring()), Err(Error::Windows(_))));
    // A length beyond the decoded samples is limited to them.
    tokens.meta.chunk_frames = chunk_frames;
    tokens.meta.input_samples = Some(1 << 50);
    assert_eq!(dac.decode(&tokens, &restoring()).unwrap().samples(), 2 * 13346);
}
