//! Further containers and codecs, pipes, and ffmpeg as the reader.

use std::fs;
use std::io::Cursor;

use dac_audio::{AudioError, AudioInput, AudioReader, ReadBackend, ReadOptions};

use crate::support::{Outcome, SILENCE, bytes, drain, path, read, read_bytes, read_with, snr_db, source};

#[test]
fn every_format_is_read_from_a_pipe() -> Outcome {
    let folders =
        ["oddities", "formats"].map(|folder| path("source.wav").parent().unwrap().with_file_name(folder));
    let mut count = 0;
    for folder in folders {
        for entry in fs::read_dir(folder)? {
            let entry = entry?.path();
            let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let Ok(wanted) = read(&name) else {
                assert!(name.starts_with("he-aac"), "{name}");
                continue;
            };
            let piped = drain(AudioReader::from_stream(fs::File::open(&entry)?, &name)?)?;
            assert_eq!(piped.samples, wanted.samples, "{name}");
            count += 1;
        }
    }
    assert!(count > 50, "{count} files");
    Ok(())
}

#[test]
fn fifo_is_read_as_a_path() -> Outcome {
    let folder = tempfile::tempdir()?;
    let fifo = folder.path().join("audio.flac");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status()?.success());
    let writer = std::thread::spawn({
        let fifo = fifo.clone();
        move || fs::write(fifo, bytes("flac16.flac"))
    });
    assert_eq!(drain(AudioReader::open(&fifo)?)?.samples, source());
    writer.join().unwrap()?;
    // For several passes it is copied once.
    let writer = std::thread::spawn({
        let fifo = fifo.clone();
        move || fs::write(fifo, bytes("flac16.flac"))
    });
    let input = AudioInput::new(&fifo, ReadOptions::default(), 2)?;
    writer.join().unwrap()?;
    let (first, second) = (input.open()?, input.open()?);
    assert_eq!(first.path(), fifo);
    assert_eq!(drain(second)?.samples, source());
    assert_eq!(drain(first)?.samples, source());
    Ok(())
}

#[test]
fn opus_agrees_with_opusdec() -> Outcome {
    // SILK, hybrid and CELT.
    for bitrate in [8, 24, 96] {
        let found = read(&format!("opusenc-{bitrate}.opus"))?;
        let wanted = read(&format!("opusdec-{bitrate}.wav"))?;
        assert_eq!(found.len(), wanted.len(), "{bitrate} kbit/s");
        let db = snr_db(&wanted.samples[0], &found.samples[0]);
        assert!(db > 100.0, "{bitrate} kbit/s: {db} dB");
    }
    Ok(())
}

#[test]
fn opus_streams_may_be_chained() -> Outcome {
    let opus = bytes("opusenc-24.opus");
    let wanted = read("opusenc-24.opus")?;
    let chained = read_bytes("a.opus", [opus.clone(), opus].concat())?;
    assert_eq!(chained.len(), 2 * wanted.len());
    assert_eq!(chained.samples[0][wanted.len()..], wanted.samples[0]);
    let ogg = bytes("pages.ogg");
    assert_eq!(read_bytes("a.ogg", [ogg.clone(), ogg].concat())?.len(), 2 * 4_410);
    Ok(())
}

#[test]
fn lossless_files_in_other_containers_equal_their_source() -> Outcome {
    let wanted = source();
    for name in ["alac.caf", "flac.mkv", "flac.mp4", "pcm.au", "pcm.mkv", "pcm.w64"] {
        let found = read(name)?;
        assert_eq!(found.samples, wanted, "{name}");
        assert!(!found.truncated, "{name}");
    }
    assert_eq!(read("pcm24.caf")?.samples[0], wanted[0][..2_000]);
    Ok(())
}

#[test]
fn further_audio_tracks_are_warned_of() -> Outcome {
    let wanted = &source()[0][..2_000];
    for name in ["two-tracks.mkv", "two-tracks.m4a"] {
        let found = read(name)?;
        assert_eq!(found.samples[0], wanted, "{name}");
        assert_eq!(found.warning, "the first of 2 audio tracks was read", "{name}");
    }
    Ok(())
}

/// Offset of the body of a box, all of whose parents contain only boxes.
fn box_body(file: &[u8], name: &[u8; 4]) -> usize {
    file.windows(4).position(|window| window == name).unwrap() + 4
}

#[test]
fn mp4_track_whose_format_changes_is_refused() {
    let mut file = bytes("faststart.m4a");
    let runs = box_body(&file, b"stsc");
    // The sample description of the first run of chunks.
    file[runs + 19] = 2;
    let error = read_bytes("a.m4a", file).err();
    assert!(matches!(error, Some(AudioError::UnsupportedCodec { .. })), "{error:?}");
}

#[test]
fn flac_that_was_cut_without_decoding_is_read() -> Outcome {
    // The header keeps the length and the checksum of the whole.
    let found = read("cut-flac.mkv")?;
    let wanted = &source()[0][found.len().abs_diff(4_410)..];
    assert!(found.len() >= 2_000 && found.len() < 4_410, "{}", found.len());
    assert_eq!(found.samples[0], wanted);
    Ok(())
}

#[test]
fn invalid_lacing_in_matroska_is_an_error() -> Outcome {
    let mut bad = bytes("aac.mkv");
    let wanted = read("aac.mkv")?;
    // Blocks in a cluster: 0xa3, size in two bytes, track 1, time, flags.
    let cluster = bad.windows(4).position(|id| id == [0x1f, 0x43, 0xb6, 0x75]).unwrap();
    let is_block = |at: &usize| bad[*at] == 0xa3 && bad[*at + 1] & 0xc0 == 0x40 && bad[*at + 3] == 0x81;
    let blocks: Vec<usize> = (cluster..bad.len() - 8).filter(is_block).collect();
    let block = blocks[blocks.len() / 2];
    let end = block + 3 + (usize::from(bad[block + 1] & 0x3f) << 8 | usize::from(bad[block + 2]));
    // Xiph lacing whose sizes do not end.
    bad[block + 6] = 0x82;
    bad[block + 7..end].fill(0xff);
    let error = read_bytes("a.mkv", bad.clone()).err();
    assert!(matches!(error, Some(AudioError::Corrupt { .. })), "{error:?}");
    let found = read_with("a.mkv", bad, SILENCE)?;
    // Times in milliseconds.
    assert!(found.damage.0 > 0 && found.len().abs_diff(wanted.len()) < 90, "{}", found.len());
    Ok(())
}

#[test]
fn big_endian_wav_is_read() -> Outcome {
    let format = [0, 1, 0, 1, 0, 0, 0xac, 0x44, 0, 1, 0x58, 0x88, 0, 2, 0, 16];
    let file =
        [&b"RIFX\0\0\0\x28WAVEfmt \0\0\0\x10"[..], &format, b"data\0\0\0\x04", &[0x40, 0, 0x20, 0]].concat();
    assert_eq!(read_bytes("a.wav", file)?.samples[0], [0.5, 0.25]);
    Ok(())
}

#[test]
fn lossy_files_in_other_containers_have_the_length_of_their_source() -> Outcome {
    let wanted = source();
    // Name, samples, delay and least SNR in dB.
    for (name, length, delay, floor_db) in [
        ("alaw.mov", 2_000, 0, 30.0),
        ("ima.mov", 4_416, 0, 20.0),
        ("ima.aifc", 4_416, 0, 20.0),
        ("ima.wav", 5_085, 0, 20.0),
        ("ms-adpcm.wav", 5_060, 0, 20.0),
        ("mulaw.caf", 4_410, 0, 30.0),
        ("aac.mkv", 6_144, 1_024, 8.0),
        ("vorbis.mkv", 4_672, 0, 15.0),
    ] {
        let found = read(name)?;
        assert_eq!(found.len(), length, "{name}");
        let db = snr_db(&wanted[0], &found.samples[0][delay..]);
        assert!(db > floor_db, "{name}: {db} dB");
        assert!(!found.truncated, "{name}");
    }
    // 0.1 s at 48 kHz.
    for name in ["opus.webm", "opus.mp4", "opus.opus"] {
        assert_eq!(read(name)?.len(), 4_800, "{name}");
    }
    Ok(())
}

#[test]
fn he_aac_is_refused_by_name_with_a_way_out() {
    for name in ["he-aac.aac", "he-aac-v2.aac"] {
        let error = read(name).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("HE-AAC in ADTS; convert it") && error.contains("ffmpeg"), "{name}: {error}");
    }
}

#[test]
fn ffmpeg_reads_what_the_built_in_readers_refuse() -> Outcome {
    if std::process::Command::new("ffmpeg").arg("-version").output().is_err() {
        return Ok(());
    }
    let with = |backend| ReadOptions { backend, ..ReadOptions::default() };
    let found = drain(AudioReader::open_with(path("flac16.flac"), with(ReadBackend::Ffmpeg))?)?;
    assert_eq!(found.samples, source());
    // Standard input; the index of an M4A is at its end.
    for name in ["flac16.flac", "alac.m4a"] {
        let piped = AudioReader::from_stream_with(Cursor::new(bytes(name)), "-", with(ReadBackend::Ffmpeg))?;
        assert_eq!(drain(piped)?.samples, source(), "{name}");
    }
    let piped =
        AudioReader::from_stream_with(Cursor::new(bytes("he-aac.aac")), "-", with(ReadBackend::Auto))?;
    assert!(drain(piped)?.len() > 22_050);
    let reader = AudioReader::open_with(path("he-aac.aac"), with(ReadBackend::Auto))?;
    assert_eq!((reader.spec().sample_rate_hz, reader.spec().codec.as_str()), (44_100, "read by ffmpeg"));
    assert!(drain(reader)?.len() > 22_050);
    let folder = tempfile::tempdir()?;
    let text = folder.path().join("text.wav");
    fs::write(&text, "a shopping list")?;
    let error = AudioReader::open_with(&text, with(ReadBackend::Auto)).err();
    assert!(matches!(error, Some(AudioError::NotAudio { .. })), "{error:?}");
    assert!(AudioReader::open_with(&text, with(ReadBackend::Ffmpeg)).is_err());
    Ok(())
}

#[test]
fn layer_2_with_a_bitrate_that_it_does_not_have_is_an_unsupported_codec() {
    // 384 kbit/s in mono at 44.1 kHz, as ffmpeg's encoder writes it.
    let mut frame = vec![0; 144 * 384_000 / 44_100];
    frame[..4].copy_from_slice(&[0xff, 0xfd, 0xe0, 0xc4]);
    let error = read_bytes("a.mp2", frame.repeat(8)).err();
    let Some(AudioError::UnsupportedCodec { codec, .. }) = error else { panic!("{error:?}") };
    assert!(codec.starts_with("MP2 in mono at 384 kbit/s"), "{codec}");
}

#[test]
fn matroska_times_beyond_64_bits_of_nanoseconds_are_read() {
    let mut file = bytes("pcm.mkv");
    // The scale of times takes the place of the name of the muxer that follows it, and of a void element.
    let scale = file.windows(4).position(|id| id == [0x2a, 0xd7, 0xb1, 0x83]).unwrap();
    file[scale + 3..scale + 14].copy_from_slice(&[0x88, 127, 0, 0, 0, 0, 0, 0, 0, 0xec, 0x80]);
    // The relative time of each block, behind the identifier, the size, the track and in front of the flags.
    let blocks: Vec<_> = (0..file.len() - 7).filter(|&at| is_block_of_first_track(&file[at..])).collect();
    assert!(!blocks.is_empty());
    for at in blocks {
        file[at + 4..at + 6].copy_from_slice(&[0x7f, 0xff]);
    }
    assert_eq!(read_bytes("a.mkv", file).unwrap().samples, read("pcm.mkv").unwrap().samples);
}

fn is_block_of_first_track(bytes: &[u8]) -> bool {
    bytes[0] == 0xa3 && bytes[1] & 0xc0 == 0x40 && bytes[3] == 0x81 && bytes[4] < 2 && bytes[6] == 0x80
}

#[test]
fn caf_packet_table_beyond_64_bits_of_samples_is_cut_at_the_end_of_the_file() {
    let mut file = bytes("alac.caf");
    let samples = read("alac.caf").unwrap().samples;
    let table = box_body(&file, b"pakt") + 8;
    file[table..table + 8].copy_from_slice(&(u64::MAX / 2).to_be_bytes());
    let found = read_bytes("a.caf", file).unwrap();
    assert!(found.truncated);
    assert_eq!(found.samples, samples);
}

#[test]
fn vorbis_codebook_with_codewords_of_more_than_32_bits_is_an_error() {
    // The decoder panics when it reads this header.
    let error = read_bytes("a.ogg", bytes("long-codewords.ogg")).err();
    assert!(matches!(error, Some(AudioError::Malformed { .. })), "{error:?}");
}
