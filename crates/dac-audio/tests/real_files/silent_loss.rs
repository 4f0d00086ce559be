//! Damage that shortens a file is an error, a truncation or a warning; it is never silent.

use dac_audio::AudioError;
use fastrand::Rng;

use crate::support::{Found, Outcome, SILENCE, bytes, read, read_bytes, read_with, source};

/// True if the file is short and nothing reports it.
fn is_silent_loss(found: &Result<Found, AudioError>, wanted: usize) -> bool {
    found.as_ref().is_ok_and(|found| {
        found.len() + 60 < wanted && !found.truncated && found.warning.is_empty() && found.damage.0 == 0
    })
}

/// Deletes, overwrites, inserts or repeats bytes after the headers.
fn damage(good: &[u8], headers: usize, random: &mut Rng) -> Vec<u8> {
    let at = headers + random.usize(..good.len() - headers);
    let length = [1, 17, 200, 400, 900][random.usize(..5)];
    let end = (at + length).min(good.len());
    let noise: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
    let middle = match random.usize(..5) {
        0 => return [&good[..at], &good[end..]].concat(),
        1 => vec![0; end - at],
        2 => noise[..end - at].to_vec(),
        3 => return [&good[..at], &noise, &good[at..]].concat(),
        _ => return [&good[..at], &good[at.saturating_sub(length)..]].concat(),
    };
    [&good[..at], &middle, &good[end..]].concat()
}

#[test]
fn random_damage_is_never_silent() -> Outcome {
    // Name and bytes of headers; a damaged header may promise less.
    for (name, headers) in [
        ("flac16.flac", 8_256),
        ("pipe.flac", 8_256),
        ("lame-no-header.mp3", 0),
        ("vbr-no-tag.mp3", 0),
        ("lame-cbr.mp3", 500),
        ("aac-adts.aac", 0),
        ("fragments.mp4", 728),
        ("opus.webm", 439),
        ("flac.mkv", 600),
        ("aac.mkv", 600),
        ("pages.ogg", 4_300),
        ("opusenc-96.opus", 900),
    ] {
        let (good, wanted) = (bytes(name), read(name)?.len());
        for round in 0..150 {
            let mut random = Rng::with_seed(round);
            let found = read_bytes(name, damage(&good, headers, &mut random));
            assert!(!is_silent_loss(&found, wanted), "{name}, round {round}: {:?}", found.map(|f| f.len()));
        }
    }
    Ok(())
}

#[test]
fn frames_fragments_and_pages_lost_at_the_ends_are_warned_of() -> Outcome {
    let warning = |name: &str, bytes: Vec<u8>| Ok::<_, AudioError>(read_bytes(name, bytes)?.warning);
    // The last frame has 14 bytes.
    let mut adts = bytes("aac-adts.aac");
    adts.remove(2_200);
    assert_eq!(warning("a.aac", adts)?, "13 bytes at offset 2396 are not a frame; audio may be missing");
    let mut adts = bytes("aac-adts.aac");
    adts[2] = 0;
    assert_eq!(warning("a.aac", adts)?, "419 bytes at offset 0 are not a frame; audio may be missing");
    let mut flac = bytes("pipe.flac");
    flac.truncate(12_249);
    assert_eq!(warning("a.flac", flac)?, "5 bytes at offset 12244 are not a frame; audio may be missing");
    for (box_name, fragment) in [(b"tfhd", 728), (b"trun", 2_031)] {
        let mut mp4 = bytes("fragments.mp4");
        let at = fragment + mp4[fragment..].windows(4).position(|name| name == box_name).unwrap_or_default();
        mp4[at..at + 4].fill(0);
        let expected = format!("the fragment at offset {fragment} has no samples; audio may be missing");
        assert_eq!(warning("a.mp4", mp4)?, expected);
    }
    let ogg = bytes("pages.ogg")[..4_588].to_vec();
    let expected = "the last page is not marked as the end of the stream; audio may be missing";
    assert_eq!(warning("a.ogg", ogg)?, expected);
    Ok(())
}

#[test]
fn endless_boxes_and_damaged_first_clusters_are_not_silent() -> Outcome {
    let mut mp4 = bytes("fragments.mp4");
    let whole = read_bytes("a.mp4", mp4.clone())?.len();
    // The size of the last fragment becomes 0, which stands for the rest of the file.
    mp4[2_031..2_035].fill(0);
    let found = read_bytes("a.mp4", mp4);
    assert!(!is_silent_loss(&found, whole), "{:?}", found.map(|found| found.len()));
    let mut webm = bytes("opus.webm");
    let whole = read_bytes("a.webm", webm.clone())?.len();
    webm[439..840].fill(0x55);
    let found = read_bytes("a.webm", webm);
    assert!(!is_silent_loss(&found, whole), "{:?}", found.map(|found| found.len()));
    Ok(())
}

#[test]
fn mp3_with_a_part_of_a_frame_missing_is_warned_of() -> Outcome {
    let good = bytes("lame-no-header.mp3");
    let found = read_bytes("a.mp3", [&good[..700], &good[1_100..]].concat())?;
    assert!(found.warning.contains("are not a frame; audio may be missing"), "{:?}", found.warning);
    // Bytes after the last frame that may have been one.
    let found = read_bytes("a.mp3", [&good[..], &[0x55; 200]].concat())?;
    assert_eq!(found.warning, "200 bytes at offset 3134 are not a frame; audio may be missing");
    assert_eq!(read_bytes("a.mp3", [&good[..], b"\n"].concat())?.warning, "");
    Ok(())
}

/// CRC-16 of FLAC.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, &byte| {
        (0..8)
            .fold(crc ^ (u16::from(byte) << 8), |crc, _| (crc << 1) ^ if crc >> 15 == 1 { 0x8005 } else { 0 })
    })
}

#[test]
fn flac_frame_does_not_extend_past_the_next_one() {
    let good = bytes("flac16.flac");
    let (start, next, after) = (9_422, 10_004, 10_584);
    // The second half of this frame is damaged such that its CRC matches inside of the next frame.
    let end = (next + after) / 2;
    let mut bad = good;
    let at = next - 20;
    let is_patched = (0..=u16::MAX).any(|patch| {
        bad[at..at + 2].copy_from_slice(&patch.to_be_bytes());
        crc16(&bad[start..end]) == 0
    });
    assert!(is_patched);
    let error = read_bytes("a.flac", bad).err();
    assert!(matches!(error, Some(AudioError::Corrupt { sample: 1_152, .. })), "{error:?}");
}

#[test]
fn bytes_between_mp4_fragments_do_not_end_the_file() -> Outcome {
    let (good, wanted) = (bytes("fragments.mp4"), read("fragments.mp4")?);
    // The second fragment begins at byte 1497.
    let noise: Vec<u8> = (0..5_000_u32).map(|n| ((n * n) >> 3) as u8 | 0x80).collect();
    let bad = [&good[..1_497], &noise, &good[1_497..]].concat();
    let error = read_bytes("a.mp4", bad.clone()).err();
    assert!(matches!(error, Some(AudioError::Corrupt { .. })), "{error:?}");
    assert_eq!(read_with("a.mp4", bad, SILENCE)?.len(), wanted.len());
    let found = read_bytes("a.mp4", [good.clone(), noise].concat())?;
    assert!(found.samples == wanted.samples);
    assert!(found.warning.contains("are not a box; audio may be missing"), "{:?}", found.warning);
    // A fragment without its data for this track.
    let mut bad = good;
    let run = 1_497 + bad[1_497..].windows(4).position(|name| name == b"trun").unwrap();
    bad[run] = b'x';
    let error = read_bytes("a.mp4", bad).err();
    assert!(matches!(error, Some(AudioError::Corrupt { .. })), "{error:?}");
    Ok(())
}

#[test]
fn wrong_time_of_an_mp4_fragment_that_is_next_by_its_number_is_ignored() -> Outcome {
    let (mut file, wanted) = (bytes("fragments.mp4"), read("fragments.mp4")?);
    let time = 1_497 + file[1_497..].windows(4).position(|name| name == b"tfdt").unwrap();
    // The lowest byte but one of a time of 8 bytes.
    file[time + 14] += 8;
    assert!(read_bytes("a.mp4", file.clone())?.samples == wanted.samples);
    // The same with another number: fragments are missing.
    let number = 1_497 + file[1_497..].windows(4).position(|name| name == b"mfhd").unwrap() + 11;
    file[number] += 1;
    let error = read_bytes("a.mp4", file).err();
    assert!(matches!(error, Some(AudioError::Corrupt { .. })), "{error:?}");
    Ok(())
}

#[test]
fn lost_matroska_blocks_are_reported() -> Outcome {
    let good = bytes("opus.webm");
    // The file ends between two blocks.
    assert!(read_bytes("a.webm", good[..1_399].to_vec())?.truncated);
    // A block of a track that does not exist, and an element that does not.
    for (at, byte) in [(776 + 3, 0x85), (776, 0xa5)] {
        let mut bad = good.clone();
        bad[at] = byte;
        let error = read_bytes("a.webm", bad).err();
        assert!(matches!(error, Some(AudioError::Corrupt { .. })), "{error:?}");
    }
    Ok(())
}

#[test]
fn ogg_with_two_tracks_of_flac_yields_the_first() -> Outcome {
    let found = read("two-tracks.oga")?;
    assert_eq!(found.samples[0], source()[0][..2_000]);
    assert_eq!(found.warning, "the first of 2 audio tracks was read");
    Ok(())
}

#[test]
fn wrong_durations_of_mp4_packets_are_no_truncation() -> Outcome {
    // ALAC has no padding that could make up for them.
    let mut file = bytes("alac.m4a");
    let table = file.windows(4).position(|name| name == b"stts").unwrap();
    // The duration of the first run of packets is one tick too long.
    file[table + 19] += 1;
    let found = read_bytes("a.m4a", file)?;
    assert_eq!((found.truncated, found.len()), (false, 4_410));
    // An index whose chunks hold one sample less than it counts.
    let mut file = bytes("s24be.mov");
    let sizes = file.windows(4).position(|name| name == b"stsz").unwrap();
    file[sizes + 15] += 1;
    let found = read_bytes("a.mov", file)?;
    assert_eq!((found.truncated, found.len()), (true, 2_000));
    Ok(())
}
