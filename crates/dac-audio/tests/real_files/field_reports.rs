//! Files that users reported for other readers: pictures and cue sheets before the audio, long delays of
//! encoders, zeroed parts, output gains.

use dac_audio::{AudioError, Planar};

use crate::support::{Outcome, SILENCE, bytes, read, read_bytes, read_with, source};

/// A picture of 8 MB that contains what looks like frames of MPEG audio, ADTS and FLAC.
fn picture() -> Vec<u8> {
    let pattern = [0xff, 0xfb, 0x90, 0x64, 0xff, 0xf1, 0x50, 0x80, 0xff, 0xf8, 0xc9, 0x18, 0];
    pattern.iter().copied().cycle().take(8_000_000).collect()
}

/// An ID3v2 frame.
fn id3_frame(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&name[..], &(content.len() as u32).to_be_bytes(), &[0, 0], content].concat()
}

fn id3_tag(frames: &[u8]) -> Vec<u8> {
    let size: Vec<u8> = [21, 14, 7, 0].iter().map(|shift| (frames.len() >> shift) as u8 & 0x7f).collect();
    [&b"ID3\x03\0\0"[..], &size, frames].concat()
}

#[test]
fn cue_sheet_and_picture_before_flac_are_skipped() -> Outcome {
    let good = bytes("flac16.flac");
    let block = |kind: u8, content: &[u8]| {
        let size = (content.len() as u32).to_be_bytes();
        [&[kind], &size[1..], content].concat()
    };
    // A cue sheet (396 bytes and one track) and a picture after STREAMINFO, then the other blocks.
    let mut cue = vec![0; 396];
    cue[395] = 1;
    cue.extend([0; 36]);
    let art = [&b"\0\0\0\x03\0\0\0\x09image/png"[..], &picture()].concat();
    let file = [&good[..42], &block(5, &cue), &block(6, &art), &good[42..]].concat();
    let found = read_bytes("a.flac", file.clone())?;
    assert_eq!((found.samples, found.truncated), (source(), false));
    // Damage after them is found at the right sample.
    let mut bad = file;
    let at = bad.len() - 3_500;
    bad[at] ^= 0x55;
    let error = read_bytes("a.flac", bad).err();
    assert!(matches!(error, Some(AudioError::Corrupt { sample: 576, .. })), "{error:?}");
    Ok(())
}

#[test]
fn cue_sheet_and_picture_before_mp3_are_skipped() -> Outcome {
    let cue =
        id3_frame(b"TXXX", b"\0CUESHEET\0FILE \"a.wav\" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n");
    let art = id3_frame(b"APIC", &[&b"\0image/png\0\x03\0"[..], &picture()].concat());
    for name in ["lame-cbr.mp3", "vbr-no-tag.mp3", "lame-no-header.mp3"] {
        let wanted = read(name)?;
        let tag = id3_tag(&[cue.clone(), art.clone()].concat());
        // Also with a second tag, by another program.
        for tags in [tag.clone(), [tag, id3_tag(&cue)].concat()] {
            let found = read_bytes(name, [tags, bytes(name)].concat())?;
            assert_eq!(found.samples, wanted.samples, "{name}");
            assert!(!found.truncated, "{name}");
        }
    }
    Ok(())
}

/// Inserts a box at the end of `moov` and moves the offsets of the chunks behind it.
fn with_box_in_moov(mut file: Vec<u8>, inserted: &[u8]) -> Vec<u8> {
    let find = |file: &[u8], name: &[u8; 4]| file.windows(4).position(|window| window == name).unwrap() - 4;
    let long = |file: &[u8], at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
    let moov = find(&file, b"moov");
    let end = moov + long(&file, moov) as usize;
    let offsets = find(&file, b"stco");
    for entry in 0..long(&file, offsets + 12) as usize {
        let at = offsets + 16 + 4 * entry;
        let moved = long(&file, at) + inserted.len() as u32;
        file[at..at + 4].copy_from_slice(&moved.to_be_bytes());
    }
    let size = long(&file, moov) + inserted.len() as u32;
    file[moov..moov + 4].copy_from_slice(&size.to_be_bytes());
    file.splice(end..end, inserted.iter().copied());
    file
}

#[test]
fn picture_before_m4a_is_skipped() -> Outcome {
    let wanted = read("faststart.m4a")?;
    let wrap = |name: &[u8; 4], content: &[u8]| {
        [&(content.len() as u32 + 8).to_be_bytes()[..], name, content].concat()
    };
    let data = wrap(b"data", &[&[0, 0, 0, 14, 0, 0, 0, 0][..], &picture()].concat());
    let list = wrap(b"ilst", &wrap(b"covr", &data));
    let art = wrap(b"udta", &wrap(b"meta", &[&[0; 4][..], &list].concat()));
    let found = read_bytes("a.m4a", with_box_in_moov(bytes("faststart.m4a"), &art))?;
    assert_eq!((found.samples, found.truncated), (wanted.samples.clone(), false));
    // Free space between the index and the samples.
    let gap = wrap(b"free", &picture());
    let mut file = with_box_in_moov(bytes("faststart.m4a"), &gap);
    let moov = file.windows(4).position(|window| window == b"moov").unwrap() - 4;
    let size = u32::from_be_bytes(file[moov..moov + 4].try_into()?) - gap.len() as u32;
    file[moov..moov + 4].copy_from_slice(&size.to_be_bytes());
    let found = read_bytes("a.m4a", file)?;
    assert_eq!((found.samples, found.truncated), (wanted.samples, false));
    Ok(())
}

/// Delay of the decoder in samples.
const DECODER_DELAY: usize = 529;

#[test]
fn mp3_delay_may_exceed_the_first_frame() -> Outcome {
    let mut file = bytes("lame-cbr.mp3");
    let tag = file.windows(4).position(|window| window == b"Info").unwrap() + 120;
    // The delay and padding have 12 bits each; a CRC of 0 is not checked.
    let padding = u16::from_be_bytes([file[tag + 22], file[tag + 23]]) & 0xfff;
    file[tag + 34..tag + 36].fill(0);
    let mut read_with_delay = |delay: u32| {
        let word = (delay << 12) | u32::from(padding);
        file[tag + 21..tag + 24].copy_from_slice(&word.to_be_bytes()[1..]);
        read_bytes("a.mp3", file.clone())
    };
    let whole = read_with_delay(0)?;
    for delay in [0, 576, 1_152 - DECODER_DELAY, 1_152, 3_000, 4_095] {
        let found = read_with_delay(delay as u32)?;
        assert_eq!(found.samples[0], whole.samples[0][delay..], "{delay}");
        assert_eq!(found.promised, Some(found.len() as u64), "{delay}");
        assert!(!found.truncated, "{delay}");
    }
    Ok(())
}

/// Reads a file with zeros in it: an error, or silence of the right length by request.
fn check_zeroed(
    name: &str,
    file: Vec<u8>,
    wanted: &Planar,
    kept: &[std::ops::Range<usize>],
) -> Result<u64, Box<dyn std::error::Error>> {
    let error = read_bytes(name, file.clone()).err();
    assert!(matches!(error, Some(AudioError::Corrupt { .. })), "{name}: {error:?}");
    let found = read_with(name, file, SILENCE)?;
    assert_eq!(found.len(), wanted[0].len(), "{name}");
    for range in kept {
        assert_eq!(found.samples[0][range.clone()], wanted[0][range.clone()], "{name} {range:?}");
    }
    Ok(found.damage.1)
}

#[test]
fn zeroed_frames_in_the_middle_keep_the_length() -> Outcome {
    // Frames of 576 samples and about 570 bytes after a header of 8 KiB.
    let mut file = bytes("flac16.flac");
    let starts: Vec<usize> =
        (8_200..file.len() - 2).filter(|&at| file[at] == 0xff && file[at + 1] == 0xf8).collect();
    assert_eq!(starts.len(), 8, "{starts:?}");
    file[starts[2]..starts[5]].fill(0);
    let lost = check_zeroed("a.flac", file, &source(), &[0..1_152, 2_880..4_410])?;
    assert_eq!(lost, 3 * 576);

    // Frames of 576 samples at 8 kHz or 1152, whose bits may lie in the frame before.
    let mut file = bytes("vbr-no-tag.mp3");
    let wanted = read("vbr-no-tag.mp3")?.samples;
    let middle = file.len() / 2;
    let start = (middle..).find(|&at| file[at] == 0xff && file[at + 1] == 0xfb).unwrap();
    file[start..start + 1_500].fill(0);
    // The number of lost frames is estimated from the mean size of the frames before, here 119 bytes.
    let error = read_bytes("a.mp3", file.clone()).err();
    assert!(matches!(error, Some(AudioError::Corrupt { .. })), "{error:?}");
    let found = read_with("a.mp3", file, SILENCE)?;
    assert_eq!((found.damage.0, found.damage.1 % 1_152), (1, 0));
    assert!(found.len().abs_diff(wanted[0].len()) <= 4 * 1_152, "{}", found.len());
    assert_eq!(found.samples[0][..10_000], wanted[0][..10_000]);

    // A page of Ogg.
    let mut file = bytes("pages.ogg");
    let pages: Vec<usize> = (0..file.len() - 4).filter(|&at| file[at..].starts_with(b"OggS")).collect();
    let wanted = read("pages.ogg")?.samples;
    file[pages[4]..pages[5]].fill(0);
    check_zeroed("a.ogg", file, &wanted, &[4_300..4_350, 4_350..4_410])?;
    Ok(())
}

/// CRC-32 of an Ogg page.
fn ogg_crc(page: &[u8]) -> u32 {
    page.iter().fold(0_u32, |crc, &byte| {
        (0..8).fold(crc ^ (u32::from(byte) << 24), |crc, _| {
            if crc >> 31 == 1 { (crc << 1) ^ 0x04c1_1db7 } else { crc << 1 }
        })
    })
}

#[test]
fn opus_output_gain_is_applied() -> Outcome {
    let wanted = read("opusenc-24.opus")?;
    for gain in [768_i16, -1_536, 1, i16::MIN] {
        let mut file = bytes("opusenc-24.opus");
        // The header is the first page: 27 bytes, one length and 19 bytes of OpusHead.
        let page = 28 + usize::from(file[27]);
        file[28 + 16..28 + 18].copy_from_slice(&gain.to_le_bytes());
        file[22..26].fill(0);
        let crc = ogg_crc(&file[..page]);
        file[22..26].copy_from_slice(&crc.to_le_bytes());
        let found = read_bytes("a.opus", file)?;
        let factor = 10_f64.powf(f64::from(gain) / 256.0 / 20.0);
        assert_eq!(found.len(), wanted.len());
        let largest = found.samples[0]
            .iter()
            .zip(&wanted.samples[0])
            .map(|(&found, &wanted)| (f64::from(found) - f64::from(wanted) * factor).abs() / factor);
        assert!(largest.fold(0.0, f64::max) < 1e-6, "{gain}");
    }
    Ok(())
}
