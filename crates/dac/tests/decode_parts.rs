//! Decodes of a part of the tokens: ranges, which tile the whole, and tokens whose last frames are only
//! context.
#![cfg(feature = "tiny")]

use std::io::Cursor;
use std::path::{Path, PathBuf};

use dac::tokens::{Format, WriteOptions};
use dac::{
    Audio, Chunking, Codes, Dac, DecodeOptions, Device, EncodeOptions, Error, LoadOptions, ModelSource,
    OutputRate, PushDecodeSession, TimeRange, TokenFile,
};

/// Stated bound of the difference between the decodes of a part and of the whole, for any network;
/// `docs/user/streaming.md` names it.
const AUDIO_MAX_ABS: f32 = 2e-4;

const HOP: usize = 512;

fn tiny() -> Dac {
    Dac::load("tiny", Device::Cpu).unwrap()
}

/// A checkpoint with the layers of a preset and few channels.
fn narrow_weights(preset: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../fixtures/parity/{preset}/weights.pth"))
}

fn narrow(preset: &str) -> Dac {
    Dac::load(narrow_weights(preset).to_str().unwrap(), Device::Cpu).unwrap()
}

fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/audio/librivox_austen.wav")
}

fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Part of a recording, from its second second on.
fn audio(seconds: f64) -> Audio {
    let mut audio = Audio::read(recording()).unwrap();
    let start = audio.rate_hz as usize;
    let end = start + (seconds * f64::from(audio.rate_hz)) as usize;
    audio.channels.iter_mut().for_each(|channel| *channel = channel[start..end].to_vec());
    audio
}

/// Tokens of one recording as they are read from a file of each format, and from one with windows.
fn tokens_of_every_format(dac: &Dac, audio: &Audio) -> Vec<(String, TokenFile)> {
    let mut options = EncodeOptions { measure_loudness: true, ..EncodeOptions::default() };
    let exact = dac.encode(audio, &options).unwrap();
    options.chunk = Chunking::Windowed { seconds: 0.4 };
    let windowed = dac.encode(audio, &options).unwrap();
    let files = Format::ALL.map(|format| (format.to_string(), &exact, format)).into_iter();
    let files = files.chain([("windowed dac".to_owned(), &windowed, Format::Dac)]);
    let read = |(name, tokens, format): (String, &TokenFile, Format)| {
        let mut bytes = Vec::new();
        tokens.write_to(&mut bytes, format, &WriteOptions::default()).unwrap();
        (name, TokenFile::read_stream(Cursor::new(bytes)).unwrap())
    };
    files.map(read).collect()
}

#[test]
fn adjacent_ranges_tile_the_whole_at_every_rate_and_in_every_format() {
    let dac = narrow("44khz");
    let audio = audio(0.9);
    for (format, tokens) in tokens_of_every_format(&dac, &audio) {
        for output_rate in [OutputRate::Model, OutputRate::Hz(8_000), OutputRate::Hz(48_000)] {
            let mut options = DecodeOptions { output_rate, ..DecodeOptions::default() };
            let whole = dac.decode(&tokens, &options).unwrap();
            let (rate, samples) = (f64::from(whole.rate_hz), whole.samples());
            for piece in [0.01003, 0.0617, 0.061_687_5] {
                let mut start = 0;
                for k in 0.. {
                    let range = TimeRange { start_seconds: f64::from(k) * piece, duration_seconds: piece };
                    let end = ((f64::from(k + 1) * piece * rate + 1e-6).round() as usize).min(samples);
                    options.range = Some(range);
                    let part = dac.decode(&tokens, &options).unwrap();
                    let what = format!("{format}, {output_rate:?}, piece {k} of {piece} s");
                    assert_eq!(part.samples(), end - start, "{what}");
                    let largest = largest_difference(&part.channels[0], &whole.channels[0][start..end]);
                    assert!(largest <= AUDIO_MAX_ABS, "{what}: {largest}");
                    start = end;
                    // A few short pieces suffice; the longer ones reach the end.
                    if end == samples || piece < 0.05 && k == 12 {
                        break;
                    }
                }
            }
        }
    }
}

#[test]
fn ranges_of_narrow_networks_equal_the_whole() {
    for preset in ["44khz", "44khz-16kbps", "24khz", "16khz"] {
        let dac = narrow(preset);
        let (codebooks, frames) = (dac.shape().codebooks, 320);
        let value = |at: usize| (at * 7919 % 1021 % dac.shape().codebook_size) as u16;
        let data = (0..codebooks * frames).map(value).collect();
        let codes = Codes::new(data, [1, codebooks, frames]).unwrap();
        let tokens = TokenFile::of_codes(codes, TokenFile::default().meta);
        let whole = dac.decode(&tokens, &DecodeOptions::default()).unwrap();
        let hop = dac.shape().hop_samples();
        for (start_frame, length) in [(0, 1), (5, 3), (100, 41), (255, 30), (269, 2), (271, 49), (300, 7)] {
            for shift in [0, 1, hop / 2] {
                let (start, end) = (start_frame * hop + shift, (start_frame + length) * hop);
                let rate = f64::from(whole.rate_hz);
                let (start_seconds, duration_seconds) = (start as f64 / rate, (end - start) as f64 / rate);
                let range = Some(TimeRange { start_seconds, duration_seconds });
                let part = dac.decode(&tokens, &DecodeOptions { range, ..DecodeOptions::default() }).unwrap();
                let largest = largest_difference(&part.channels[0], &whole.channels[0][start..end]);
                assert!(largest <= AUDIO_MAX_ABS, "{preset}, frames {start_frame} + {length}: {largest}");
            }
        }
    }
}

#[test]
fn ten_ranges_of_a_hundredth_second_end_where_one_of_a_tenth_second_ends() {
    let dac = narrow("44khz");
    let tokens = dac.encode(&audio(0.3), &EncodeOptions::default()).unwrap();
    let samples = |start_seconds: f64, duration_seconds: f64| {
        let range = Some(TimeRange { start_seconds, duration_seconds });
        dac.decode(&tokens, &DecodeOptions { range, ..DecodeOptions::default() }).unwrap().samples()
    };
    let pieces = (0..10).map(|k| samples(f64::from(k) * 0.01003, 0.01003)).sum::<usize>();
    assert_eq!((pieces, samples(0.0, 0.1003)), (4423, 4423));
}

#[test]
fn invalid_ranges_are_reported_with_the_wrong_value() {
    let dac = narrow("44khz");
    let tokens = dac.encode(&audio(0.1), &EncodeOptions::default()).unwrap();
    for (start_seconds, duration_seconds, expected) in [
        (0.0, 1e-9, "the length of the range in seconds is 0.000000001, expected at least one sample"),
        (0.0, 0.0, "the length of the range in seconds is 0, expected a number above 0"),
        (0.0, f64::NAN, "the length of the range in seconds is NaN, expected a number above 0"),
        (-1.0, 1.0, "the start of the range in seconds is -1, expected 0 or more"),
        (
            7.0,
            1.0,
            "the start of the range in seconds is 7, expected less than the length of the audio, 0.10 s",
        ),
    ] {
        let range = Some(TimeRange { start_seconds, duration_seconds });
        let error = dac.decode(&tokens, &DecodeOptions { range, ..DecodeOptions::default() }).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

/// Codes of a recording without its length, as a language model generates them: all, and the first `frames`.
fn generated(dac: &Dac, frames: usize) -> (TokenFile, TokenFile) {
    let codes = dac.encode(&audio(1.2), &EncodeOptions::default()).unwrap().codes.unwrap();
    let of = |codes: Codes| TokenFile::of_codes(codes, TokenFile::default().meta);
    let first = of(codes.slice_frames(0..frames));
    (of(codes), first)
}

#[test]
fn tail_frames_give_the_audio_of_a_longer_sequence() {
    let dac = tiny();
    let look_ahead = dac.geometry().decoder_right_frames;
    assert_eq!(look_ahead, 10);
    let (long, short) = generated(&dac, 60);
    for output_rate in [OutputRate::Model, OutputRate::Hz(48_000)] {
        let mut options = DecodeOptions { output_rate, ..DecodeOptions::default() };
        let expected = dac.decode(&long, &options).unwrap();
        let scaled = |frames: usize| {
            (frames as f64 * HOP as f64 * f64::from(expected.rate_hz) / 44_100.0).round() as usize
        };
        let cut = dac.decode(&short, &options).unwrap();
        assert_eq!(cut.samples(), scaled(60));
        let last = scaled(50)..scaled(60);
        let difference = largest_difference(&cut.channels[0][last.clone()], &expected.channels[0][last]);
        assert!(difference > 1e-2, "without a tail the end should differ: {difference}");
        // Resampling needs some samples after the last one, and sees zeros there.
        let reach = if output_rate == OutputRate::Model { 0 } else { 1000 };
        for tail_frames in [look_ahead, 25] {
            options.tail_frames = tail_frames;
            let found = dac.decode(&short, &options).unwrap();
            assert_eq!(found.samples(), scaled(60 - tail_frames));
            let equal = 0..found.samples() - reach;
            let difference =
                largest_difference(&found.channels[0][equal.clone()], &expected.channels[0][equal]);
            assert!(difference <= 1e-5, "{tail_frames} frames, {output_rate:?}: {difference}");
        }
        // A range ends with the audio that is left.
        options.range = Some(TimeRange { start_seconds: 0.2, duration_seconds: 9.0 });
        let start = (0.2 * f64::from(expected.rate_hz)).round() as usize;
        assert_eq!(dac.decode(&short, &options).unwrap().samples(), scaled(35) - start);
    }
}

#[test]
fn tail_frames_of_a_stream_are_those_of_a_file() {
    let options = LoadOptions { low_latency: true, ..LoadOptions::on(Device::Cpu) };
    let source = ModelSource::File(narrow_weights("44khz"));
    let dac = Dac::open(&source, None, &options).unwrap();
    let (_, short) = generated(&dac, 60);
    let codes = short.codes.as_ref().unwrap();
    for tail_frames in [1, 5, 9, 10, 11, 25, 59] {
        let options = DecodeOptions { tail_frames, ..DecodeOptions::default() };
        let expected = dac.decode(&short, &options).unwrap();
        assert_eq!(expected.samples(), (60 - tail_frames) * HOP);
        for push in [1, 7, 60] {
            let session = PushDecodeSession::new(&dac, &short.meta, 1, OutputRate::Model).unwrap();
            let mut session = session.with_tail_frames(tail_frames);
            let latency = session.latency_frames();
            let mut found = Vec::new();
            for start in (0..60).step_by(push) {
                let end = (start + push).min(60);
                found.extend(session.push(&codes.slice_frames(start..end)).unwrap().remove(0));
                assert!(found.len() >= end.saturating_sub(latency) * HOP, "late at frame {end}");
                assert!(found.len() <= expected.samples(), "audio of the tail at frame {end}");
            }
            found.extend(session.finish(None).unwrap().remove(0));
            let difference = largest_difference(&found, &expected.channels[0]);
            assert!(difference <= AUDIO_MAX_ABS, "{tail_frames} frames, pushes of {push}: {difference}");
        }
    }
}

#[test]
fn tails_of_all_frames_or_of_windows_are_refused() {
    let dac = narrow("44khz");
    let (_, short) = generated(&dac, 20);
    let options = |tail_frames| DecodeOptions { tail_frames, ..DecodeOptions::default() };
    for tail_frames in [20, usize::MAX] {
        let error = dac.decode(&short, &options(tail_frames)).unwrap_err().to_string();
        assert!(error.contains("the number of tail frames is") && error.contains("frames, 20"), "{error}");
        let session = PushDecodeSession::new(&dac, &short.meta, 1, OutputRate::Model).unwrap();
        let mut session = session.with_tail_frames(tail_frames);
        session.push(short.codes.as_ref().unwrap()).unwrap();
        assert!(matches!(session.finish(None), Err(Error::InvalidOption { .. })));
    }
    let (_, windowed) = tokens_of_every_format(&dac, &audio(0.9)).pop().unwrap();
    let error = dac.decode(&windowed, &options(1)).unwrap_err().to_string();
    assert!(error.contains("each window is decoded by itself"), "{error}");
}

#[test]
fn a_stream_without_frames_is_refused_like_a_file() {
    let dac = narrow("44khz");
    let tokens = TokenFile::of_codes(Codes::new(Vec::new(), [1, 9, 0]).unwrap(), TokenFile::default().meta);
    let expected = dac.decode(&tokens, &DecodeOptions::default()).unwrap_err().to_string();
    let session = PushDecodeSession::new(&dac, &tokens.meta, 1, OutputRate::Model).unwrap();
    assert_eq!(session.finish(None).unwrap_err().to_string(), expected);
}
