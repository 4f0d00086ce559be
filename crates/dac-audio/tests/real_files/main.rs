//! Reads what recorders, streams and tools leave: no sample is lost without a report. The files are made by
//! `fixtures/python/make_audio_formats.py` and `make_audio_oddities.py`.

mod containers;
mod field_reports;
mod silent_loss;
mod support;

use std::io::{Cursor, Read};

use dac_audio::{AudioError, AudioReader, Planar};
use support::{Outcome, SILENCE, bytes, drain, path, read, read_bytes, read_with, rms, snr_db, source};

#[test]
fn vbr_mp3_without_tag_is_read_to_its_end() -> Outcome {
    let found = read("vbr-no-tag.mp3")?;
    // 1.2 s in frames of 1152 samples, with the delay of the encoder and its padding.
    assert_eq!(found.len(), 47 * 1_152);
    assert!(!found.truncated && found.promised.is_none());
    let loud = &found.samples[0][38_000..50_000];
    assert!(rms(loud) > 0.1 && rms(&found.samples[0][5_000..30_000]) < 0.01);
    Ok(())
}

#[test]
fn joined_mp3_files_are_all_read() -> Outcome {
    let tagged = bytes("lame-cbr.mp3");
    let (single, found) = (read("lame-cbr.mp3")?, read_bytes("a.mp3", [tagged.clone(), tagged].concat())?);
    assert_eq!(found.len(), 2 * 4_410);
    assert_eq!(found.samples[0][4_410..], single.samples[0]);
    let plain = bytes("lame-no-header.mp3");
    let found = read_bytes("a.mp3", [plain.clone(), plain.clone()].concat())?;
    assert_eq!(found.len(), 2 * 5_760);
    // Tags between and after the files.
    let tag = [&b"TAG"[..], &[b' '; 125]].concat();
    let id3 = b"ID3\x04\0\0\0\0\0\x05hello".to_vec();
    let ape = [&b"APETAGEX"[..], &2_000_u32.to_le_bytes(), &32_u32.to_le_bytes(), &[0; 16]].concat();
    let found = read_bytes("a.mp3", [plain.clone(), tag.clone(), id3, plain, ape, tag].concat())?;
    assert_eq!((found.len(), found.truncated), (2 * 5_760, false));
    Ok(())
}

#[test]
fn joined_streams_of_different_formats_are_an_error() -> Outcome {
    // The tag of the first file counts its frames: the rest could be taken for bytes after the last frame.
    for (first, second) in [("lame-cbr.mp3", "layer2.mp2"), ("lame-no-header.mp3", "layer2.mp2")] {
        let samples = read(first)?.len() as u64;
        for between in [Vec::new(), b"ID3\x04\0\0\0\0\0\x05hello".to_vec()] {
            let joined = [bytes(first), between, bytes(second)].concat();
            match read_bytes("a.mp3", joined.clone()) {
                Err(AudioError::Corrupt { sample, reason, .. }) => {
                    assert!(sample.abs_diff(samples) < 2_304, "{first}: {sample}");
                    assert!(reason.contains("another sample rate"), "{first}: {reason}");
                }
                other => panic!("{first}: {:?}", other.map(|found| found.len())),
            }
            let found = read_with("a.mp3", joined, SILENCE)?;
            assert!(found.truncated && found.damage.0 == 1, "{first}");
        }
    }
    Ok(())
}

#[test]
fn two_id3_tags_and_a_large_picture_may_precede_the_audio() -> Outcome {
    let size = 8_000_000_usize;
    let synchsafe: Vec<u8> = [21, 14, 7, 0].iter().map(|shift| (size >> shift) as u8 & 0x7f).collect();
    let picture = [&b"ID3\x03\0\0"[..], &synchsafe, &vec![0xff; size]].concat();
    let small = b"ID3\x04\0\0\0\0\0\x05hello".to_vec();
    for name in ["lame-cbr.mp3", "flac16.flac", "aac-adts.aac"] {
        let wanted = read(name)?;
        let found = read_bytes("a.bin", [picture.clone(), small.clone(), bytes(name)].concat())?;
        assert_eq!(found.samples, wanted.samples, "{name}");
    }
    Ok(())
}

#[test]
fn bytes_after_the_last_flac_frame_are_ignored() -> Outcome {
    let tag = [&b"TAG"[..], &[b' '; 125]].concat();
    for name in ["flac16.flac", "one-frame.flac", "pipe.flac"] {
        let wanted = read(name)?;
        assert_eq!((wanted.len(), wanted.truncated), (4_410, false), "{name}");
        for tail in [b"\n".to_vec(), tag.clone(), b"garbage \xff\xf8 and more".to_vec(), vec![0; 5_000]] {
            let found = read_bytes(name, [bytes(name), tail].concat())?;
            assert_eq!(found.samples, wanted.samples, "{name}");
            assert!(!found.truncated, "{name}");
        }
    }
    assert_eq!(read("pipe.flac")?.promised, None);
    let joined = read_bytes("a.flac", [bytes("flac16.flac"), bytes("pipe.flac")].concat())?;
    assert_eq!((joined.len(), joined.truncated), (2 * 4_410, false));
    Ok(())
}

#[test]
fn fragmented_mp4_with_an_edit_list_is_read_to_its_end() -> Outcome {
    // Five packets of 1024 samples; the edit list skips the first, the delay of the encoder.
    let found = read("fragments.mp4")?;
    assert_eq!((found.len(), found.truncated), (5 * 1_024, false));
    let wanted = source();
    assert!(snr_db(&wanted[0], &found.samples[0]) > 8.0);
    let mut cut = bytes("fragments.mp4");
    cut.truncate(cut.len() - 100);
    assert!(read_bytes("a.mp4", cut)?.truncated);
    Ok(())
}

#[test]
fn big_endian_samples_in_quicktime_are_exact() -> Outcome {
    let wanted = &source()[0][..2_000];
    for name in ["s24be.mov", "s32be.mov", "f32be.mov", "f64be.mov"] {
        assert_eq!(read(name)?.samples[0], wanted, "{name}");
    }
    Ok(())
}

/// Offsets and lengths of the pages of an Ogg file.
fn pages(data: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < data.len() {
        let count = usize::from(data[at + 26]);
        let body: usize = data[at + 27..at + 27 + count].iter().map(|&b| usize::from(b)).sum();
        found.push((at, 27 + count + body));
        at += 27 + count + body;
    }
    found
}

#[test]
fn damaged_and_missing_ogg_pages_are_reported_or_become_silence() -> Outcome {
    let good = bytes("pages.ogg");
    let wanted = read("pages.ogg")?;
    assert_eq!(wanted.len(), 4_410);
    let pages = pages(&good);
    assert!(pages.len() >= 6, "{pages:?}");
    for page in 3..pages.len() - 1 {
        let (at, bytes) = pages[page];
        let mut flipped = good.clone();
        flipped[at + bytes - 5] ^= 0x10;
        let mut lost = good.clone();
        lost.drain(at..at + bytes);
        for bad in [flipped, lost] {
            let error = read_bytes("a.ogg", bad.clone()).err();
            assert!(matches!(error, Some(AudioError::Corrupt { .. })), "page {page}: {error:?}");
            let found = read_with("a.ogg", bad, SILENCE)?;
            assert_eq!((found.len(), found.damage.0), (4_410, 1), "page {page}");
            assert!(found.damage.1 > 0);
            // What follows is in its place.
            let end = |planes: &Planar| planes[0][4_300..].to_vec();
            if page < pages.len() - 2 {
                assert_eq!(end(&found.samples), end(&wanted.samples), "page {page}");
            }
        }
    }
    Ok(())
}

#[test]
fn destroyed_mp3_frames_are_reported_or_become_silence() -> Outcome {
    let good = bytes("lame-no-header.mp3");
    let wanted = read("lame-no-header.mp3")?;
    // Frames of 626 or 627 bytes.
    for (at, length) in [(1_254, 4), (1_254, 600), (627, 1_254)] {
        let mut bad = good.clone();
        bad[at..at + length].fill(0);
        let error = read_bytes("a.mp3", bad.clone()).err();
        assert!(matches!(error, Some(AudioError::Corrupt { .. })), "{at}: {error:?}");
        let found = read_with("a.mp3", bad, SILENCE)?;
        assert_eq!((found.len(), found.damage.0), (wanted.len(), 1), "{at}, {length}");
    }
    Ok(())
}

#[test]
fn damaged_flac_and_adts_frames_become_silence_of_the_same_length() -> Outcome {
    let wanted = read("flac16.flac")?;
    let mut bad = bytes("flac16.flac");
    let at = bad.len() - 3_500;
    bad[at] ^= 0x55;
    let found = read_with("a.flac", bad, SILENCE)?;
    assert_eq!((found.len(), found.damage), (4_410, (1, 576)));
    assert_eq!(found.samples[0][3_500..], wanted.samples[0][3_500..]);
    // Also the first frame, after a header of 8 KiB.
    let mut bad = bytes("flac16.flac");
    bad[8_456] ^= 0x55;
    assert!(read_bytes("a.flac", bad.clone()).is_err());
    let found = read_with("a.flac", bad, SILENCE)?;
    assert_eq!((found.len(), found.damage), (4_410, (1, 576)));
    let wanted = read("aac-adts.aac")?;
    let mut bad = bytes("aac-adts.aac");
    let at = bad.len() / 2;
    let header = (at..).find(|&at| bad[at] == 0xff && bad[at + 1] == 0xf1).unwrap();
    bad[header..header + 100].fill(0);
    assert!(read_bytes("a.aac", bad.clone()).is_err());
    assert_eq!(read_with("a.aac", bad, SILENCE)?.len(), wanted.len());
    Ok(())
}

#[test]
fn intact_files_are_not_called_truncated() -> Outcome {
    let long: Vec<u8> = (0..200).flat_map(|_| bytes("aac-adts.aac")).collect();
    let found = read_bytes("a.aac", long)?;
    assert_eq!((found.len(), found.truncated), (200 * 6_144, false));
    for name in ["vbr-no-tag.mp3", "late-start.ogg", "no-end-mark.ogg", "pages.ogg", "layer2.mp2"] {
        assert!(!read(name)?.truncated, "{name}");
    }
    // A recording that begins in a running stream has no delay; without the mark of its end there is no trim.
    assert_eq!(read("late-start.ogg")?.len(), 4_410);
    assert!(read("no-end-mark.ogg")?.len() >= 4_410);
    Ok(())
}

#[test]
fn files_that_lost_their_end_are_called_truncated() -> Outcome {
    for name in
        ["pipe.flac", "flac16.flac", "lame-no-header.mp3", "lame-cbr.mp3", "aac-adts.aac", "fragments.mp4"]
    {
        let mut cut = bytes(name);
        cut.truncate(cut.len() - 300);
        let found = read_bytes(name, cut)?;
        assert!(found.truncated, "{name}");
        assert!(found.len() < read(name)?.len(), "{name}");
    }
    Ok(())
}

#[test]
fn aac_above_65_khz_in_mp4_is_read() -> Outcome {
    let reader = AudioReader::open(path("aac-96k.m4a"))?;
    assert_eq!(reader.spec().sample_rate_hz, 96_000);
    assert_eq!(read("aac-96k.m4a")?.len(), 9_600);
    Ok(())
}

#[test]
fn files_without_their_last_byte_yield_what_is_whole() -> Outcome {
    let mut cut = bytes("faststart.m4a");
    cut.pop();
    let found = read_bytes("a.m4a", cut)?;
    assert!(found.truncated && found.len() >= 4_096 - 1_024, "{}", found.len());
    let mut cut = bytes("pcm16.aiff");
    cut.pop();
    let found = read_bytes("a.aiff", cut)?;
    assert_eq!((found.len(), found.truncated), (4_409, true));
    assert_eq!(found.samples[0], source()[0][..4_409]);
    Ok(())
}

#[test]
fn aiff_from_a_pipe_is_read() -> Outcome {
    let found = read("pipe.aiff")?;
    assert_eq!((found.samples, found.truncated), (source(), false));
    Ok(())
}

#[test]
fn aiff_with_an_empty_or_zero_id3_chunk_is_read() -> Outcome {
    for chunk in [b"ID3 \0\0\0\0".to_vec(), [&b"ID3 \0\0\0\x28"[..], &[0; 40]].concat()] {
        let mut file = bytes("pcm16.aiff");
        file.splice(12..12, chunk);
        assert_eq!(read_bytes("a.aiff", file)?.samples, source());
    }
    Ok(())
}

fn wav(format: &[u8], chunks: &[u8], data: &[u8]) -> Vec<u8> {
    let size = |bytes: &[u8]| (bytes.len() as u32).to_le_bytes();
    let body = [b"WAVEfmt ", &size(format)[..], format, chunks, b"data", &size(data), data].concat();
    [b"RIFF", &size(&body)[..], &body].concat()
}

#[test]
fn place_of_24_bits_in_32_is_found_after_a_silent_start() -> Outcome {
    let format = [&[1, 0, 1, 0, 0x44, 0xac, 0, 0, 0x10, 0xb1, 2, 0, 4, 0, 24, 0][..]].concat();
    let values: Vec<i32> =
        (0..200_000).map(|n: i32| if n < 150_000 { 0 } else { (n % 199 - 99) * 40_001 }).collect();
    let wanted: Vec<f32> = values.iter().map(|&value| value as f32 / 8_388_608.0).collect();
    for shift in [0, 8] {
        let data: Vec<u8> = values.iter().flat_map(|&value| (value << shift).to_le_bytes()).collect();
        let file = wav(&format, &[], &data);
        assert_eq!(read_bytes("a.wav", file.clone())?.samples[0], wanted, "shift {shift}");
        let piped = drain(AudioReader::from_stream(Cursor::new(file), "-")?)?;
        assert_eq!(piped.samples[0], wanted, "shift {shift}, pipe");
    }
    Ok(())
}

#[test]
fn odd_wav_chunk_may_be_padded_by_any_byte() -> Outcome {
    let format = [1, 0, 1, 0, 0x44, 0xac, 0, 0, 0x88, 0x58, 1, 0, 2, 0, 16, 0];
    for pad in [&b"\0"[..], b"x", b"\xff", b""] {
        let chunk = [&b"note\x03\0\0\0abc"[..], pad].concat();
        assert_eq!(read_bytes("a.wav", wav(&format, &chunk, &[0, 64, 0, 32]))?.samples[0], [0.5, 0.25]);
    }
    Ok(())
}

#[cfg(unix)]
/// A WAV of 5 GiB of zeros whose sizes have wrapped.
struct Wrapped {
    header: Vec<u8>,
    position: u64,
}

const WRAPPED_BYTES: u64 = 5 << 30;

impl Read for Wrapped {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = WRAPPED_BYTES + self.header.len() as u64 - self.position;
        let count = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        buffer[..count].fill(0);
        let start = (self.position as usize).min(self.header.len());
        let head = &self.header[start..];
        let copied = head.len().min(count);
        buffer[..copied].copy_from_slice(&head[..copied]);
        self.position += count as u64;
        Ok(count)
    }
}

impl std::io::Seek for Wrapped {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.position = match to {
            std::io::SeekFrom::Start(at) => at,
            std::io::SeekFrom::End(_) => WRAPPED_BYTES + self.header.len() as u64,
            std::io::SeekFrom::Current(by) => self.position.saturating_add_signed(by),
        };
        Ok(self.position)
    }
}

#[test]
fn wav_past_4_gib_and_second_data_chunks_are_warned_of() -> Outcome {
    let format = [1, 0, 1, 0, 0x44, 0xac, 0, 0, 0x88, 0x58, 1, 0, 2, 0, 16, 0];
    let mut header = wav(&format, &[], &[]);
    let at = header.len() - 4;
    header[at..].copy_from_slice(&((WRAPPED_BYTES & 0xffff_ffff) as u32).to_le_bytes());
    let reader = AudioReader::from_seekable(Wrapped { header, position: 0 }, "long.wav")?;
    assert_eq!(reader.spec().samples, Some(WRAPPED_BYTES / 2));
    assert!(reader.warning().is_some_and(|warning| warning.contains("has wrapped at 4 GiB")));
    let file = wav(&format, &[], &[0, 64, 0, 32]);
    let twice = [file.clone(), b"LIST\x02\0\0\0ab".to_vec(), b"data\x02\0\0\0\0\0".to_vec()].concat();
    let found = read_bytes("a.wav", twice)?;
    assert_eq!(found.len(), 2);
    assert!(
        found.warning.contains("a second data chunk follows 10 bytes after the samples"),
        "{}",
        found.warning
    );
    let found = read_bytes("a.wav", [file.clone(), file].concat())?;
    assert!(found.warning.contains("a second RIFF chunk"), "{}", found.warning);
    for name in ["pcm.au", "pcm16.aiff", "mulaw.caf", "pcm.w64", "faststart.m4a", "alac.m4a"] {
        let wanted = read(name)?;
        let found = read_bytes(name, [bytes(name), bytes(name)].concat())?;
        assert_eq!(found.samples, wanted.samples, "{name}");
        assert!(found.warning.starts_with("a second file follows"), "{name}: {}", found.warning);
        assert_eq!(wanted.warning, "", "{name}");
    }
    Ok(())
}
