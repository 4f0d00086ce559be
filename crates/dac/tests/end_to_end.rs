//! Encoding and decoding a recording with the embedded model.
#![cfg(feature = "tiny")]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use dac::audio::NonFinitePolicy;
use dac::codec::Array3;
use dac::stream::OverlapSettings;
use dac::tokens::{Format, TokenMeta, WriteOptions};
use dac::{
    Audio, ChannelMix, Chunking, Codes, Dac, DecodeOptions, Device, EncodeOptions, EncodeSession, Error,
    LoadOptions, ModelSource, OutputRate, Preset, PushDecodeSession, SampleFormat, Save, TimeRange,
    TokenFile, metrics,
};

fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/audio/librivox_austen.wav")
}

fn tiny() -> Dac {
    Dac::load("tiny", Device::Cpu).unwrap()
}

fn si_sdr_db(a: &Audio, b: &Audio) -> f64 {
    let mut meter = metrics::DistortionMeter::new();
    meter.push(&a.channels, &b.channels).unwrap();
    meter.si_sdr_db()
}

#[test]
fn speech_is_recognizable_and_improves_with_more_codebooks() {
    let dac = tiny();
    let original = Audio::read(recording()).unwrap();
    let tokens = dac.encode_file(recording(), &EncodeOptions::default(), &mut ()).unwrap();
    let [channels, codebooks, frames] = tokens.codes.as_ref().unwrap().shape();
    let seconds = original.samples() as f64 / f64::from(original.rate_hz);
    assert_eq!((channels, codebooks, frames), (1, 9, (seconds * 44100.0 / 512.0).ceil() as usize));
    let mut last = f64::NEG_INFINITY;
    for codebooks in [1, 3, 9] {
        let options = DecodeOptions {
            codebooks: Some(codebooks),
            output_rate: OutputRate::Input,
            ..DecodeOptions::default()
        };
        let decoded = dac.decode(&tokens, &options).unwrap();
        assert_eq!((decoded.rate_hz, decoded.samples()), (original.rate_hz, original.samples()));
        let db = si_sdr_db(&original, &decoded);
        assert!(db > last, "{codebooks} codebooks: {db} dB after {last} dB");
        last = db;
    }
    assert!(last > 2.0, "SI-SDR of {last} dB");
}

#[test]
fn codes_z_and_latents_decode_alike_after_saving_and_loading() {
    let dac = tiny();
    let folder = tempfile::tempdir().unwrap();
    let options =
        EncodeOptions { save: Save { codes: true, z: true, latents: true }, ..EncodeOptions::default() };
    let tokens = dac.encode_file(recording(), &options, &mut ()).unwrap();
    let expected = dac.decode(&tokens, &DecodeOptions::default()).unwrap();
    for kept in ["codes", "z", "latents"] {
        let mut part = tokens.clone();
        part.codes = part.codes.filter(|_| kept == "codes");
        part.z = part.z.filter(|_| kept == "z");
        part.latents = part.latents.filter(|_| kept == "latents");
        let path = folder.path().join(format!("{kept}.safetensors"));
        part.write(&path, Format::Safetensors, &WriteOptions::default()).unwrap();
        let loaded = TokenFile::read(&path).unwrap();
        assert_eq!(loaded, part);
        assert_eq!(dac.check_tokens(&loaded.meta).unwrap(), None);
        let decoded = dac.decode(&loaded, &DecodeOptions::default()).unwrap();
        assert!(si_sdr_db(&expected, &decoded) > 100.0, "decoding from {kept}");
    }
    let wav = folder.path().join("decoded.wav");
    let report =
        dac.decode_to_file(&tokens, &wav, SampleFormat::F32, &DecodeOptions::default(), &mut ()).unwrap();
    let written = Audio::read(&wav).unwrap();
    assert_eq!(report.samples, expected.samples() as u64);
    assert_eq!(written, expected);
}

#[test]
fn tokens_and_audio_do_not_depend_on_the_chunk_length() {
    let dac = tiny();
    let mut options = EncodeOptions { chunk: Chunking::Whole, ..EncodeOptions::default() };
    let whole = dac.encode_file(recording(), &options, &mut ()).unwrap();
    let mut decode = DecodeOptions { chunk: Chunking::Whole, ..DecodeOptions::default() };
    let expected = dac.decode(&whole, &decode).unwrap();
    for chunk_seconds in [0.011, 0.3, 4.0] {
        let chunk = Chunking::Exact { chunk_seconds };
        options.chunk = chunk;
        assert_eq!(
            dac.encode_file(recording(), &options, &mut ()).unwrap().codes,
            whole.codes,
            "chunks of {chunk_seconds} s"
        );
        decode.chunk = chunk;
        let decoded = dac.decode(&whole, &decode).unwrap();
        assert_eq!(decoded.samples(), expected.samples());
        let pairs = expected.channels[0].iter().zip(&decoded.channels[0]);
        assert!(pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) <= 1e-5, "chunks of {chunk_seconds} s");
    }
    options.chunk = Chunking::Exact { chunk_seconds: 0.0 };
    assert!(matches!(dac.encode_file(recording(), &options, &mut ()), Err(Error::InvalidOption { .. })));
}

#[test]
fn decoded_audio_is_as_long_as_the_input() {
    let dac = tiny();
    for (rate_hz, samples) in [
        (44_100, 1),
        (44_100, 511),
        (44_100, 513),
        (16_000, 1),
        (48_000, 2_000),
        (8_000, 801),
        (96_000, 3_001),
    ] {
        let audio = Audio::mono((0..samples).map(|i| 0.3 * (i as f32 * 0.05).sin()).collect(), rate_hz);
        let tokens = dac.encode(&audio, &EncodeOptions::default()).unwrap();
        let decoded = dac.decode(&tokens, &DecodeOptions::default()).unwrap();
        let expected = (samples as f64 * 44_100.0 / f64::from(rate_hz)).round() as usize;
        assert_eq!(
            (decoded.rate_hz, decoded.samples()),
            (44_100, expected),
            "{samples} samples at {rate_hz} Hz"
        );
        let options = DecodeOptions { output_rate: OutputRate::Input, ..DecodeOptions::default() };
        assert_eq!(
            dac.decode(&tokens, &options).unwrap().samples(),
            samples,
            "{samples} samples at {rate_hz} Hz"
        );
    }
    let empty = dac.encode(&Audio::mono(vec![], 44_100), &EncodeOptions::default());
    assert!(matches!(empty, Err(Error::NoSamples { .. })));
}

#[test]
fn channels_are_encoded_separately_or_mixed() {
    let dac = tiny();
    let left: Vec<f32> = (0..8_000).map(|i| 0.4 * (i as f32 * 0.06).sin()).collect();
    let stereo = Audio { channels: vec![left.clone(), vec![0.0; left.len()]], rate_hz: 44_100 };
    let options = EncodeOptions { channels: ChannelMix::Keep, ..EncodeOptions::default() };
    let tokens = dac.encode(&stereo, &options).unwrap();
    assert_eq!(tokens.codes.as_ref().unwrap().channels(), 2);
    let decoded = dac.decode(&tokens, &DecodeOptions::default()).unwrap();
    let rms = |c: &[f32]| (c.iter().map(|v| v * v).sum::<f32>() / c.len() as f32).sqrt();
    assert!(rms(&decoded.channels[1]) * 5.0 < rms(&decoded.channels[0]));
    let mono = dac.encode(&stereo, &EncodeOptions::default()).unwrap();
    assert_eq!(mono.codes.unwrap().channels(), 1);
}

#[test]
fn the_engine_and_flex_decode_alike() {
    let engine = tiny();
    let tokens = engine.encode_file(recording(), &EncodeOptions::default(), &mut ()).unwrap();
    let expected = engine.decode(&tokens, &DecodeOptions::default()).unwrap();
    if cfg!(feature = "flex") {
        let flex = Dac::load("tiny", Device::Flex).unwrap();
        let decoded = flex.decode(&tokens, &DecodeOptions::default()).unwrap();
        let pairs = expected.channels[0].iter().zip(&decoded.channels[0]);
        assert!(pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) <= 5e-5);
    }
}

#[test]
fn missing_weights_and_devices_are_reported() {
    let missing = Dac::load("/nowhere/weights.pth", Device::Cpu).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/weights.pth"), "{missing}");
    let no_cuda = Dac::open(&ModelSource::Preset(Preset::Tiny), None, &LoadOptions::on(Device::Cuda(0)));
    assert!(cfg!(feature = "cuda") || no_cuda.unwrap_err().to_string().contains("feature 'cuda'"));
}

#[test]
fn tokens_of_another_model_are_refused_and_of_other_weights_warned_about() {
    let dac = tiny();
    let audio = Audio::mono(vec![0.1; 2_000], 44_100);
    let mut tokens = dac.encode(&audio, &EncodeOptions::default()).unwrap();
    tokens.meta.weights_sha256 = Some("0".repeat(64));
    assert!(dac.check_tokens(&tokens.meta).unwrap().unwrap().contains("000000000000"));
    tokens.meta.model_rate_hz = Some(24_000);
    assert!(matches!(dac.decode(&tokens, &DecodeOptions::default()), Err(Error::ModelMismatch { .. })));
    let empty = TokenFile::default();
    assert!(matches!(dac.decode(&empty, &DecodeOptions::default()), Err(Error::NoTokens)));
}

#[test]
fn a_decoded_range_equals_that_part_of_the_whole_decode() {
    for device in [Device::Cpu, Device::Flex] {
        if !Device::compiled().contains(&device) {
            continue;
        }
        let dac = Dac::load("tiny", device).unwrap();
        let tokens = dac.encode_file(recording(), &EncodeOptions::default(), &mut ()).unwrap();
        for output_rate in
            [OutputRate::Model, OutputRate::Input, OutputRate::Hz(48_000), OutputRate::Hz(384_000)]
        {
            let mut options = DecodeOptions { output_rate, ..DecodeOptions::default() };
            let whole = dac.decode(&tokens, &options).unwrap();
            for (start_seconds, duration_seconds) in
                [(0.0, 0.1), (1.0, 0.5), (2.013, 1.0), (4.9, 60.0), (0.5, 0.000_05)]
            {
                options.range = Some(TimeRange { start_seconds, duration_seconds });
                let part = dac.decode(&tokens, &options).unwrap();
                let start = (start_seconds * f64::from(whole.rate_hz)).round() as usize;
                let samples = ((duration_seconds * f64::from(whole.rate_hz)).round() as usize)
                    .min(whole.samples() - start);
                assert_eq!(part.samples(), samples);
                let pairs = part.channels[0].iter().zip(&whole.channels[0][start..]);
                let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(largest <= 1e-5, "{device}, {output_rate:?}, {start_seconds} s: {largest}");
            }
            options.range = Some(TimeRange { start_seconds: 6.0, duration_seconds: 1.0 });
            assert!(matches!(dac.decode(&tokens, &options), Err(Error::InvalidOption { .. })));
        }
    }
}

#[test]
fn codes_taken_during_an_encode_equal_those_of_a_whole_encode() {
    let dac = tiny();
    let audio = Audio::read(recording()).unwrap();
    let expected = dac.encode(&audio, &EncodeOptions::default()).unwrap().codes.unwrap();
    let mut session = EncodeSession::new(&dac, audio.rate_hz, 1, &EncodeOptions::default()).unwrap();
    let mut parts = Vec::new();
    for block in audio.channels[0].chunks(5_000) {
        session.push(vec![block.to_vec()]).unwrap();
        parts.extend(session.take_codes().unwrap());
    }
    parts.push(session.finish("audio").unwrap().codes.unwrap());
    assert_eq!(Codes::concat_frames(&parts).unwrap(), expected);
}

#[test]
fn overlap_settings_are_read_from_the_config_next_to_the_weights() {
    let layouts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/parity/layouts");
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("model.safetensors");
    std::fs::copy(layouts.join("hance/model.safetensors"), &weights).unwrap();
    let load = || Dac::load(weights.to_str().unwrap(), Device::Cpu).unwrap().overlap_settings();
    assert_eq!(load().unwrap(), OverlapSettings::default());
    let write = |config: &str| std::fs::write(folder.path().join("config.json"), config).unwrap();
    write(r#"{"encoding_chunk_size_in_sec": 2, "decoding_chunk_rate": 0.25}"#);
    let expected = OverlapSettings {
        encoding_chunk_seconds: 2.0,
        decoding_chunk_rate: 0.25,
        decoding_overlap_rate: 0.1,
    };
    assert_eq!(load().unwrap(), expected);
    write(r#"{"decoding_chunk_rate": 0.25, "decoding_overlap_rate": "none"}"#);
    assert!(matches!(load(), Err(Error::Config(_))));
}

#[test]
fn pushed_codes_decode_to_the_audio_of_a_whole_decode() {
    for low_latency in [false, true] {
        let options = LoadOptions { low_latency, ..LoadOptions::on(Device::Cpu) };
        let dac = Dac::open(&ModelSource::Preset(Preset::Tiny), None, &options).unwrap();
        let audio = Audio::mono((0..30_001).map(|i| 0.3 * (i as f32 * 0.05).sin()).collect(), 48_000);
        let tokens = dac.encode(&audio, &EncodeOptions::default()).unwrap();
        let codes = tokens.codes.as_ref().unwrap();
        for output_rate in [OutputRate::Model, OutputRate::Input] {
            let options = DecodeOptions { output_rate, ..DecodeOptions::default() };
            let expected = dac.decode(&tokens, &options).unwrap();
            let mut session = PushDecodeSession::new(&dac, &tokens.meta, 1, output_rate).unwrap();
            let mut found = Vec::new();
            let mut most_late = 0;
            for t in 0..codes.frames() {
                found.extend(session.push(&codes.slice_frames(t..t + 1)).unwrap().remove(0));
                let model_samples = found.len() * 44_100 / session.rate_hz() as usize;
                most_late = most_late.max((t + 1) * 512 - model_samples.min((t + 1) * 512));
            }
            let at_most = (session.latency_frames() + 1) * 512;
            assert!(
                !low_latency || output_rate != OutputRate::Model || most_late <= at_most,
                "{most_late} samples late"
            );
            found.extend(session.finish(Some(30_001)).unwrap().remove(0));
            assert_eq!(found.len(), expected.samples());
            let largest =
                found.iter().zip(&expected.channels[0]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(largest <= 1e-5, "{largest}");
        }
    }
}

#[test]
fn non_finite_samples_in_memory_are_refused_or_replaced() {
    let dac = tiny();
    // In the second block: the reported index counts from the start of the audio.
    let mut audio = Audio::mono(vec![0.25; 70_000], 44_100);
    let silent = audio.clone();
    audio.channels[0][69_000] = f32::NAN;
    let mut options = EncodeOptions::default();
    for chunk in [Chunking::default(), Chunking::Windowed { seconds: 1.0 }] {
        options.chunk = chunk;
        options.non_finite = NonFinitePolicy::Error;
        let error = dac.encode(&audio, &options).unwrap_err();
        let text = "the audio: sample 69000 of channel 0 is NaN, expected a finite number; repair the file, \
                    or read such samples as 0 (--nan zero)";
        assert_eq!(error.to_string(), text);
        options.non_finite = NonFinitePolicy::Zero;
        let tokens = dac.encode(&audio, &options).unwrap();
        assert_eq!(tokens.meta.replaced_samples, Some(1));
        let mut zero = silent.clone();
        zero.channels[0][69_000] = 0.0;
        let wanted = dac.encode(&zero, &options).unwrap();
        assert_eq!((tokens.codes, wanted.meta.replaced_samples), (wanted.codes, None));
    }
}

#[test]
fn channels_of_different_lengths_are_refused() {
    let dac = tiny();
    let uneven = Audio { channels: vec![vec![0.1; 70_000], vec![0.1; 10]], rate_hz: 44_100 };
    let error = dac.encode(&uneven, &EncodeOptions::default()).unwrap_err().to_string();
    assert_eq!(error, "channel 1 of a block has 10 samples, expected 70000 as in channel 0");
    let windowed = EncodeOptions { chunk: Chunking::Windowed { seconds: 1.0 }, ..EncodeOptions::default() };
    assert!(dac.encode(&uneven, &windowed).is_err());
}

#[test]
fn a_truncated_recording_is_encoded_and_marked_in_the_metadata() {
    let dac = tiny();
    let folder = tempfile::tempdir().unwrap();
    let (whole, half) = (std::fs::read(recording()).unwrap(), folder.path().join("half.wav"));
    std::fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    for (path, truncated) in [(recording(), None), (half, Some(true))] {
        for chunk in [Chunking::default(), Chunking::Windowed { seconds: 1.0 }] {
            let options = EncodeOptions { chunk, ..EncodeOptions::default() };
            let tokens = dac.encode_file(&path, &options, &mut ()).unwrap();
            assert_eq!(tokens.meta.input_truncated, truncated);
        }
    }
}

#[test]
fn blocks_of_another_shape_are_refused() {
    let dac = tiny();
    let mut session = EncodeSession::new(&dac, 44_100, 2, &EncodeOptions::default()).unwrap();
    for block in [vec![vec![0.1; 100]; 3], vec![vec![0.1; 100], vec![0.1; 50]]] {
        assert!(matches!(session.push(block), Err(Error::Audio(_))));
    }
    session.push(vec![vec![0.1; 100]; 2]).unwrap();
    assert_eq!(session.finish("blocks").unwrap().meta.input_samples, Some(100));
}

#[test]
fn more_than_64_channels_are_refused() {
    let dac = tiny();
    let codes = Codes::new(vec![0; 65 * 9], [65, 9, 1]).unwrap();
    let tokens = TokenFile::of_codes(codes, TokenMeta::default());
    let refused = dac.decode(&tokens, &DecodeOptions::default()).unwrap_err();
    assert!(refused.to_string().contains("65"), "{refused}");
    assert!(PushDecodeSession::new(&dac, &tokens.meta, 65_535, OutputRate::Model).is_err());
}

#[test]
fn progress_is_reported_and_can_cancel() {
    let dac = tiny();
    let folder = tempfile::tempdir().unwrap();
    let wav = folder.path().join("decoded.wav");
    let samples = Audio::read(recording()).unwrap().samples() as u64;
    for chunk in [Chunking::default(), Chunking::Windowed { seconds: 1.0 }] {
        let options = EncodeOptions { chunk, ..EncodeOptions::default() };
        let mut finished = 0;
        let mut progress = |samples: u64| {
            finished = samples;
            ControlFlow::Continue(())
        };
        let tokens = dac.encode_file(recording(), &options, &mut progress).unwrap();
        assert_eq!(finished, samples);
        let cancelled = dac.encode_file(recording(), &options, &mut |_: u64| ControlFlow::Break(()));
        assert!(matches!(cancelled, Err(Error::Cancelled)));

        let decode = DecodeOptions { output_rate: OutputRate::Input, ..DecodeOptions::default() };
        let mut decoded = 0;
        let mut progress = |samples: u64| {
            decoded = samples;
            ControlFlow::Continue(())
        };
        dac.decode_to_file(&tokens, &wav, SampleFormat::I16, &decode, &mut progress).unwrap();
        assert_eq!(decoded, samples);
        std::fs::remove_file(&wav).unwrap();
        let mut cancel = |_: u64| ControlFlow::Break(());
        let cancelled = dac.decode_to_file(&tokens, &wav, SampleFormat::I16, &decode, &mut cancel);
        assert!(matches!(cancelled, Err(Error::Cancelled)) && !wav.exists());
    }
}

#[test]
fn windowed_sessions_are_refused() {
    let options = EncodeOptions { chunk: Chunking::Windowed { seconds: 1.0 }, ..EncodeOptions::default() };
    let refused = EncodeSession::new(&tiny(), 44_100, 1, &options);
    assert!(matches!(refused, Err(Error::InvalidOption { .. })));
}

#[test]
fn channels_that_cancel_each_other_cause_a_warning() {
    let dac = tiny();
    let tone = |gain: f32| (0..30_000).map(|n| gain * (n as f32 * 0.05).sin()).collect::<Vec<_>>();
    let mono = EncodeOptions::default();
    let keep = EncodeOptions { channels: ChannelMix::Keep, ..EncodeOptions::default() };
    for (channels, options, expected) in [
        (vec![tone(0.5), tone(-0.5)], &mono, Some("is silent")),
        (vec![tone(0.5), tone(-0.45)], &mono, Some("is 26 dB quieter than the channels")),
        (vec![tone(0.5), tone(-0.5)], &keep, None),
        (vec![tone(0.5), tone(-0.3)], &mono, None),
        (vec![tone(0.5), vec![0.0; 30_000]], &mono, None),
        (vec![vec![0.0; 30_000]; 2], &mono, None),
        (vec![tone(0.5)], &mono, None),
    ] {
        let audio = Audio { channels, rate_hz: 16_000 };
        let mut session = EncodeSession::new(&dac, 16_000, audio.channels.len(), options).unwrap();
        session.push(audio.channels.clone()).unwrap();
        for tokens in [dac.encode(&audio, options).unwrap(), session.finish("audio").unwrap()] {
            let warning = tokens.meta.input_warning;
            assert_eq!(warning.is_some(), expected.is_some(), "{warning:?}, expected {expected:?}");
            for part in expected.into_iter().flat_map(|text| [text, "cancel each other", "--channels keep"]) {
                assert!(warning.as_ref().unwrap().contains(part), "{part} is not in {warning:?}");
            }
        }
    }
}

#[test]
fn transposed_and_foreign_arrays_are_explained() {
    let dac = tiny();
    let decode = |tokens: &TokenFile, codebooks: Option<usize>| {
        dac.decode(tokens, &DecodeOptions { codebooks, ..DecodeOptions::default() }).unwrap_err().to_string()
    };
    let codes = |shape: [usize; 3]| {
        let codes = Codes::new(vec![3; shape.iter().product()], shape).unwrap();
        TokenFile::of_codes(codes, TokenMeta::default())
    };
    // A smaller number of codebooks does not make [frames, codebooks] valid.
    for codebooks in [None, Some(3)] {
        let error = decode(&codes([1, 40, 9]), codebooks);
        for part in ["[1, 40, 9]", "[channels, codebooks, frames] with at most 9", "looks transposed"] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
    }
    let error = decode(&codes([1, 12, 40]), None);
    assert!(error.contains("number of codebooks is 12, expected at most 9"), "{error}");
    let mut session = PushDecodeSession::new(&dac, &TokenMeta::default(), 1, OutputRate::Model).unwrap();
    let error = session.push(codes([1, 12, 1]).codes.as_ref().unwrap()).unwrap_err().to_string();
    assert!(error.contains("number of codebooks is 12, expected at most 9"), "{error}");

    let z = Array3::new(vec![0.5; 9 * 40], [1, 9, 40]).unwrap();
    let error = decode(&TokenFile::of_z(z, TokenMeta::default()), None);
    for part in ["z has shape [1, 9, 40]", "expected [channels, 256, frames]", "codes have to be integers"] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    let mut special = codes([1, 9, 40]);
    special.codes = Some(Codes::new(vec![1025; 360], [1, 9, 40]).unwrap());
    let error = decode(&special, None);
    assert!(error.contains("contains 1025") && error.contains("special tokens"), "{error}");
}
