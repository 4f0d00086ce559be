//! Reads a small file of every container and codec, made by `fixtures/python/make_audio_formats.py` from
//! `source.wav`.

use std::fs;
use std::path::PathBuf;

use dac_audio::{AudioError, AudioReader, Planar};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const SAMPLES: usize = 4_410;

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/data/formats", name].iter().collect()
}

fn read_to_end(reader: &mut AudioReader, step: usize) -> Result<Planar, AudioError> {
    let mut all = vec![Vec::new(); reader.spec().channels];
    while let Some(block) = reader.next_block(step)? {
        assert!((1..=step).contains(&block[0].len()));
        for (to, from) in all.iter_mut().zip(block) {
            to.extend(from);
        }
    }
    Ok(all)
}

fn read(name: &str) -> Result<(AudioReader, Planar), AudioError> {
    let mut reader = AudioReader::open(file(name))?;
    let samples = read_to_end(&mut reader, 1_000)?;
    Ok((reader, samples))
}

/// Signal-to-noise ratio in dB of `found` relative to `wanted`, over the samples of both.
fn snr_db(wanted: &Planar, found: &Planar) -> f64 {
    let planes = || wanted.iter().zip(found);
    let pairs = || planes().flat_map(|(a, b)| a.iter().zip(b)).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    let signal: f64 = pairs().map(|(a, _)| a * a).sum();
    let noise: f64 = pairs().map(|(a, b)| (a - b).powi(2)).sum();
    10.0 * (signal / noise.max(1e-30)).log10()
}

#[test]
fn lossless_files_equal_their_source() -> Outcome {
    let (_, source) = read("source.wav")?;
    assert_eq!((source.len(), source[0].len()), (2, SAMPLES));
    for (name, codec) in [
        ("flac16.flac", "FLAC"),
        ("flac24.flac", "FLAC"),
        ("flac-in-ogg.ogg", "Ogg, FLAC"),
        ("alac.m4a", "MP4, ALAC"),
        ("pcm16.aiff", "AIFF, 16-bit PCM"),
        ("sowt.aifc", "AIFF, 16-bit PCM"),
        ("ffmpeg-pipe.wav", "WAV, 16-bit PCM"),
    ] {
        let (reader, samples) = read(name)?;
        assert_eq!(samples, source, "{name}");
        assert_eq!(reader.spec().sample_rate_hz, 44_100, "{name}");
        assert_eq!(reader.spec().samples, Some(SAMPLES as u64), "{name}");
        assert_eq!(reader.spec().codec, codec, "{name}");
        assert!(!reader.is_truncated(), "{name}");
    }
    Ok(())
}

#[test]
fn pcm_files_are_within_the_rounding_of_their_format() -> Outcome {
    let (_, source) = read("source.wav")?;
    let left = vec![source[0].clone()];
    for (name, wanted, bound) in [
        ("pcm24-mono.aiff", &left, 0.0),
        ("float-mono.aifc", &left, 0.0),
        ("ffmpeg-rf64-s24-mono.wav", &left, 0.0),
        ("ffmpeg-f64-mono.wav", &left, 0.0),
        ("ffmpeg-u8.wav", &source, 1.0 / 128.0),
        ("ffmpeg-alaw.wav", &source, 1.0 / 32.0),
        ("ffmpeg-mulaw.wav", &source, 1.0 / 32.0),
        ("mulaw.aifc", &source, 1.0 / 32.0),
    ] {
        let (_, samples) = read(name)?;
        assert_eq!(samples.len(), wanted.len(), "{name}");
        let length = if name == "ffmpeg-f64-mono.wav" { 2_000 } else { SAMPLES };
        assert_eq!(samples[0].len(), length, "{name}");
        let pairs = wanted.iter().zip(&samples).flat_map(|(a, b)| a.iter().zip(b));
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= bound, "{name}: off by {worst}, bound {bound}");
    }
    Ok(())
}

#[test]
fn lossy_files_have_the_length_and_alignment_of_their_source() -> Outcome {
    let (_, source) = read("source.wav")?;
    // Name, samples, samples of delay that the file does not contain, and the SNR in dB of ffmpeg 5.1 for the
    // same file, minus 0.1.
    for (name, length, delay, floor_db) in [
        ("lame-cbr.mp3", SAMPLES, 0, 30.3),
        ("lame-vbr.mp3", SAMPLES, 0, 43.5),
        ("vorbis.ogg", SAMPLES, 0, 40.3),
        ("aac.m4a", SAMPLES, 0, 18.0),
        ("lame-no-header.mp3", 5_760, 1_105, 30.3),
        ("layer2.mp2", 4_608, 481, 41.7),
        ("aac-adts.aac", 6_144, 1_024, 18.0),
    ] {
        let (reader, mut samples) = read(name)?;
        assert_eq!(samples[0].len(), length, "{name}");
        if let Some(promised) = reader.spec().samples {
            assert_eq!(promised, length as u64, "{name}");
        }
        assert!(!reader.is_truncated(), "{name}");
        samples.iter_mut().for_each(|plane| drop(plane.drain(..delay)));
        let found_db = snr_db(&source, &samples);
        assert!(found_db > floor_db, "{name}: {found_db} dB");
    }
    Ok(())
}

#[test]
fn files_that_are_not_audio_are_rejected() -> Outcome {
    let folder = tempfile::tempdir()?;
    for name in ["text.wav", "text.mp3", "text.flac", "text"] {
        let path = folder.path().join(name);
        fs::write(&path, "this is a shopping list\n- eggs\n- milk\n")?;
        let error = AudioReader::open(&path).err();
        assert!(matches!(error, Some(AudioError::NotAudio { .. })), "{name}: {error:?}");
        fs::write(&path, "")?;
        assert!(matches!(AudioReader::open(&path), Err(AudioError::EmptyFile { .. })));
    }
    assert!(matches!(AudioReader::open(folder.path()), Err(AudioError::Open { .. })));
    assert!(matches!(AudioReader::open(folder.path().join("none.wav")), Err(AudioError::Open { .. })));
    Ok(())
}

#[test]
fn samples_do_not_depend_on_the_block_size() -> Outcome {
    for name in ["flac16.flac", "vorbis.ogg", "lame-cbr.mp3", "aac.m4a", "ffmpeg-rf64-s24-mono.wav"] {
        let (_, wanted) = read(name)?;
        for step in [1, 7, 1_023, 100_000] {
            assert_eq!(
                read_to_end(&mut AudioReader::open(file(name))?, step)?,
                wanted,
                "{name}, blocks of {step}"
            );
        }
    }
    Ok(())
}
