//! Damaged files of every format yield an error or samples; they never panic or hang.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use dac_audio::{AudioError, AudioReader, NonFinitePolicy};
use fastrand::Rng;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn files() -> Result<Vec<(PathBuf, Vec<u8>)>, std::io::Error> {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/data/formats"].iter().collect();
    let mut paths: Vec<_> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.sort();
    paths.into_iter().map(|path| fs::read(&path).map(|bytes| (path, bytes))).collect()
}

fn file(name: &str) -> Result<(PathBuf, Vec<u8>), Box<dyn std::error::Error>> {
    Ok(files()?.into_iter().find(|(path, _)| path.ends_with(name)).ok_or("no file")?)
}

/// Reads to the end. Returns the number of samples and whether the file is truncated.
fn read_to_end(bytes: &[u8], path: &PathBuf) -> Result<(u64, bool), AudioError> {
    let mut reader =
        AudioReader::from_seekable(Cursor::new(bytes.to_vec()), path)?.with_non_finite(NonFinitePolicy::Zero);
    while reader.next_block(4_096)?.is_some() {
        // No file of this size contains as many samples.
        assert!(reader.position() < 1 << 24, "{} yields endless samples", path.display());
    }
    Ok((reader.position(), reader.is_truncated()))
}

/// Damages a file in one of six ways.
fn damage(bytes: &mut Vec<u8>, random: &mut Rng) {
    // Half of the damage is in the header.
    let reach = if random.bool() { bytes.len().min(200) } else { bytes.len() };
    let at = random.usize(..reach.max(1));
    match random.usize(..6) {
        0 => bytes[at] ^= 1 << random.u8(..8),
        1 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
        2 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0),
        3 => bytes.truncate(at.max(1)),
        4 => {
            bytes.drain(at..(at + 1 + random.usize(..64)).min(bytes.len()));
            bytes.push(0);
        }
        _ => {
            let from = random.usize(..bytes.len());
            let piece: Vec<u8> = bytes[from..].iter().take(1 + random.usize(..64)).copied().collect();
            bytes.splice(at..at, piece);
        }
    }
}

#[test]
fn random_damage_yields_an_error_or_samples() -> Outcome {
    let rounds =
        std::env::var("DAC_AUDIO_DAMAGE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(500);
    for (path, good) in files()? {
        for round in 0..rounds {
            // Seeded per round, so that a single case can be repeated.
            let mut random = Rng::with_seed(round);
            let mut bad = good.clone();
            for _ in 0..=round % 4 {
                damage(&mut bad, &mut random);
            }
            let begin = Instant::now();
            let outcome = read_to_end(&bad, &path).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(!outcome.contains("panicked"), "{}, round {round}: {outcome}", path.display());
            let took = begin.elapsed();
            assert!(took < Duration::from_secs(5), "{}, round {round}: {took:?}", path.display());
        }
    }
    Ok(())
}

#[test]
fn half_a_file_yields_fewer_samples_or_an_early_error() -> Outcome {
    for (path, good) in files()? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (whole, _) = read_to_end(&good, &path)?;
        let half = &good[..good.len() / 2];
        match read_to_end(half, &path) {
            Ok((samples, truncated)) => {
                assert!(samples < whole, "{name}: {samples} of {whole} samples from half of the file");
                let is_undetectable = name.ends_with(".mp3") && name.contains("no-header")
                    || [".mp2", ".aac", ".ogg", ".opus"].iter().any(|end| name.ends_with(end))
                    || name == "ffmpeg-pipe.wav";
                assert!(truncated || is_undetectable, "{name}: not reported as truncated");
            }
            // The index is at the end, or half of the file is one header, page or packet.
            Err(error) => {
                let early =
                    matches!(error, AudioError::Malformed { .. } | AudioError::Corrupt { sample: 0, .. });
                assert!(
                    early && [".m4a", ".ogg", ".opus", ".flac", ".mka"].iter().any(|end| name.ends_with(end)),
                    "{error}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn damaged_flac_frame_is_an_error() -> Outcome {
    let (path, good) = file("flac16.flac")?;
    // Eight frames of about 570 bytes after a header with padding.
    for (before_end, length) in [(3_500, 1), (2_000, 64), (2_000, 1), (1_200, 300)] {
        let mut bad = good.clone();
        let at = bad.len() - before_end;
        bad[at..at + length].iter_mut().for_each(|byte| *byte ^= 0x55);
        let outcome = read_to_end(&bad, &path);
        assert!(matches!(outcome, Err(AudioError::Corrupt { sample: 1.., .. })), "{before_end}: {outcome:?}");
    }
    // Damage in the last frame looks like a truncated file.
    let mut bad = good;
    let at = bad.len() - 100;
    bad[at] ^= 0x55;
    assert_eq!(read_to_end(&bad, &path)?, (7 * 576, true));
    Ok(())
}

#[test]
fn file_truncated_at_any_byte_is_handled() -> Outcome {
    for (path, good) in files()? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if [".flac", ".mp3", "vorbis.ogg", "aac.m4a"].iter().any(|end| name.ends_with(end)) {
            for end in (0..good.len()).rev().step_by(37) {
                match read_to_end(&good[..end], &path) {
                    Ok((samples, _)) => assert!(samples <= 5_760, "{name} truncated at {end}"),
                    Err(AudioError::Corrupt { sample, .. }) => {
                        assert_eq!(sample, 0, "{name} truncated at {end}")
                    }
                    Err(_) => {}
                }
            }
        }
    }
    Ok(())
}

#[test]
fn aiff_with_too_many_channels_is_rejected() -> Outcome {
    let (path, mut bad) = file("pcm16.aiff")?;
    for channels in [0x8002_u16, 0xffff, 65] {
        bad[20..22].copy_from_slice(&channels.to_be_bytes());
        let error = read_to_end(&bad, &path).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(&format!("expected 1 to 64 channels, found {channels}")), "{error}");
    }
    Ok(())
}

#[test]
fn aiff_with_samples_of_no_bits_is_rejected() -> Outcome {
    let (path, mut bad) = file("pcm16.aiff")?;
    bad[26..28].fill(0);
    let error = read_to_end(&bad, &path).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("NONE in AIFF, 0 bits"), "{error}");
    Ok(())
}
