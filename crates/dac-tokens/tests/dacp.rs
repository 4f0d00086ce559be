//! .dacp streams: streaming, seeking, truncation and damage.

mod common;

use std::io::{Cursor, Read};

use common::codes;
use dac_rvq::Codes;
use dac_tokens::{DacpHeader, DacpReader, DacpWriter, SNIFF_BYTES, TokenError, TokenMeta, TokenReader};

const HEADER_BYTES: usize = 77 + 4 + 4;
/// 16 frames of 2 × 9 codes of 10 bits, a count and a checksum.
const BLOCK_BYTES: usize = 16 * 18 * 10 / 8 + 8;

fn header() -> DacpHeader {
    let mut meta = TokenMeta::default();
    meta.model = Some("tiny".into());
    meta.codebook_size = Some(1024);
    DacpHeader::new(2, 9, meta).unwrap().with_block_frames(16).unwrap()
}

/// Writes `frames` frames, `step` at a time.
fn stream(frames: usize, step: usize) -> Vec<u8> {
    let whole = codes(2, 9, frames);
    let mut writer = DacpWriter::new(Vec::new(), header()).unwrap();
    for start in (0..frames).step_by(step) {
        writer.push(&whole.slice_frames(start..start + step)).unwrap();
    }
    assert_eq!(writer.frames(), frames as u64);
    writer.finish(Some((frames as u64 * 512).saturating_sub(3))).unwrap()
}

fn read_all<R: Read>(reader: &mut DacpReader<R>) -> Result<Codes, TokenError> {
    let mut parts = vec![codes(2, 9, 0)];
    while let Some(part) = reader.next_codes()? {
        parts.push(part);
    }
    Ok(Codes::concat_frames(&parts)?)
}

/// Frames, length of the input and truncation of a file.
fn totals(reader: &TokenReader<'_>) -> (usize, Option<u64>, bool) {
    let info = reader.info();
    (info.frames(), info.meta.input_samples, info.truncated)
}

#[test]
fn bytes_do_not_depend_on_the_size_of_pushes() {
    let whole = stream(100, 100);
    assert_eq!(whole.len(), HEADER_BYTES + 6 * BLOCK_BYTES + (4 * 18 * 10 / 8 + 8) + 24);
    for step in [1, 3, 16, 17, 50] {
        assert_eq!(stream(100, step), whole, "{step}");
    }
    let mut reader = DacpReader::new(whole.as_slice()).unwrap();
    assert_eq!(reader.input_samples(), None);
    assert_eq!(read_all(&mut reader).unwrap(), codes(2, 9, 100));
    assert_eq!((reader.input_samples(), reader.truncated(), reader.frames()), (Some(51_197), false, 100));
}

#[test]
fn a_block_can_be_read_before_the_stream_is_finished() {
    let mut writer = DacpWriter::new(Vec::new(), header()).unwrap();
    writer.push(&codes(2, 9, 20)).unwrap();
    // The bytes that a pipe contains before the stream is finished.
    let bytes = {
        let finished = writer.finish(None).unwrap();
        finished[..HEADER_BYTES + BLOCK_BYTES].to_vec()
    };
    let mut reader = DacpReader::new(bytes.as_slice()).unwrap();
    assert_eq!(reader.next_codes().unwrap(), Some(codes(2, 9, 20).slice_frames(0..16)));
}

#[test]
fn truncated_streams_keep_their_complete_blocks() {
    for frames in [0, 5, 16, 37] {
        let whole = stream(frames, 8.max(frames));
        let blocks_end = whole.len() - 24;
        for length in HEADER_BYTES..whole.len() {
            let full = ((length - HEADER_BYTES) / BLOCK_BYTES).min(frames / 16) * 16;
            let expected = if length >= blocks_end { frames } else { full };
            let expected = codes(2, 9, frames).slice_frames(0..expected);
            let mut reader = DacpReader::new(&whole[..length]).unwrap();
            assert_eq!(read_all(&mut reader).unwrap(), expected, "{frames} frames, {length} bytes");
            assert!(reader.truncated());
            let mut seek = TokenReader::open(Cursor::new(&whole[..length])).unwrap();
            assert_eq!(
                (seek.info().frames(), seek.info().truncated),
                (expected.frames(), true),
                "{frames} frames, {length} bytes"
            );
            assert_eq!(seek.read_all().unwrap().codes, Some(expected));
        }
        for length in 0..HEADER_BYTES {
            assert!(DacpReader::new(&whole[..length]).is_err());
            assert!(TokenReader::open(Cursor::new(&whole[..length])).is_err());
        }
    }
}

/// Counts the bytes read through it.
struct Counting<R>(R, usize);

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1 += read;
        Ok(read)
    }
}

impl<R: std::io::Seek> std::io::Seek for Counting<R> {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_range_reads_only_its_own_blocks() {
    let whole = stream(1000, 1000);
    let mut counting = Counting(Cursor::new(&whole), 0);
    let mut seek = TokenReader::open(&mut counting).unwrap();
    assert_eq!(totals(&seek), (1000, Some(511_997), false));
    let expected = codes(2, 9, 1000).slice_frames(810..830);
    assert_eq!(seek.read_frames(810..830).unwrap().codes, Some(expected));
    drop(seek);
    assert_eq!(counting.1, SNIFF_BYTES + HEADER_BYTES + 24 + 2 * BLOCK_BYTES);
}

#[test]
fn damage_is_located_and_affects_only_its_block() {
    let whole = stream(100, 100);
    for at in HEADER_BYTES..whole.len() {
        let mut broken = whole.clone();
        broken[at] ^= 0x10;
        let mut reader = DacpReader::new(broken.as_slice()).unwrap();
        let read = read_all(&mut reader);
        assert!(read.is_err() || reader.truncated(), "byte {at}");
        assert_eq!(reader.next_codes().unwrap(), None, "no codes after an error");
    }
    let mut broken = whole.clone();
    broken[HEADER_BYTES + 2 * BLOCK_BYTES + 30] ^= 1;
    let mut seek = TokenReader::open(Cursor::new(&broken)).unwrap();
    let error = seek.read_frames(30..40).unwrap_err();
    assert!(matches!(error, TokenError::Checksum { block: 2, frame: 32, .. }), "{error}");
    let expected = codes(2, 9, 100).slice_frames(48..100);
    assert_eq!(seek.read_frames(48..100).unwrap().codes, Some(expected));
    // Two swapped blocks: each is valid, but not in its position.
    let mut swapped = whole.clone();
    let (first, second) = swapped[HEADER_BYTES..HEADER_BYTES + 2 * BLOCK_BYTES].split_at_mut(BLOCK_BYTES);
    first.swap_with_slice(second);
    assert!(matches!(
        read_all(&mut DacpReader::new(swapped.as_slice()).unwrap()),
        Err(TokenError::Checksum { block: 0, .. })
    ));
    // Other bytes after the end.
    let mut longer = whole.clone();
    longer.extend([7; 1000]);
    let seek = TokenReader::open(Cursor::new(&longer)).unwrap();
    assert_eq!(totals(&seek), (100, Some(51_197), false));
}

#[test]
fn codes_that_contradict_the_header_are_rejected() {
    let mut writer = DacpWriter::new(Vec::new(), header()).unwrap();
    assert!(matches!(writer.push(&codes(1, 9, 4)), Err(TokenError::Codes(_))));
    assert!(matches!(writer.push(&codes(2, 8, 4)), Err(TokenError::Codes(_))));
    let too_large = Codes::new(vec![1024; 18], [2, 9, 1]).unwrap();
    assert!(matches!(writer.push(&too_large), Err(TokenError::Codes(_))));
    writer.push(&codes(2, 9, 4)).unwrap();
    let bytes = writer.finish(None).unwrap();
    let mut reader = DacpReader::new(bytes.as_slice()).unwrap();
    assert_eq!(read_all(&mut reader).unwrap(), codes(2, 9, 4));
    assert_eq!(reader.input_samples(), None);
}

#[test]
fn the_codebook_size_determines_the_bits_per_code() {
    for (size, bits) in [(2, 1), (1000, 10), (4096, 12), (65536, 16)] {
        let mut meta = TokenMeta::default();
        meta.codebook_size = Some(size);
        let whole =
            Codes::new((0..4000usize).map(|i| (i * 7919 % size) as u16).collect(), [1, 4, 1000]).unwrap();
        let header = DacpHeader::new(1, 4, meta).unwrap().with_block_frames(1000).unwrap();
        let mut writer = DacpWriter::new(Vec::new(), header).unwrap();
        writer.push(&whole).unwrap();
        let bytes = writer.finish(Some(1)).unwrap();
        assert_eq!(bytes.len(), 77 + 4 + 500 * bits + 8 + 24, "{size}");
        assert_eq!(DacpReader::new(bytes.as_slice()).unwrap().next_codes().unwrap(), Some(whole));
    }
}

/// The bytes of a stream without frames.
fn empty_stream(header: DacpHeader) -> Vec<u8> {
    DacpWriter::new(Vec::new(), header).unwrap().finish(None).unwrap()
}

#[test]
fn codes_take_the_fewest_bits() {
    for (size, bits) in [(1, 1), (2, 1), (3, 2), (1000, 10), (1024, 10), (1025, 11), (65536, 16)] {
        let mut meta = TokenMeta::default();
        meta.codebook_size = Some(size);
        assert_eq!(DacpHeader::new(1, 9, meta).unwrap().bits(), bits, "{size}");
    }
}

#[test]
fn headers_round_trip_and_impossible_ones_are_rejected() {
    let mut meta = TokenMeta::default();
    meta.model = Some("tiny".into());
    meta.weights_sha256 = Some("0123456789abcdef".repeat(4));
    meta.model_rate_hz = Some(44100);
    meta.input_rate_hz = Some(48000);
    meta.codebook_size = Some(1024);
    meta.hop_samples = Some(512);
    meta.input_db = Some(-23.5);
    let header = DacpHeader::new(2, 9, meta.clone()).unwrap().with_block_frames(100).unwrap();
    let bytes = empty_stream(header.clone());
    assert_eq!(bytes.len(), HEADER_BYTES + 24);
    assert_eq!(DacpReader::new(bytes.as_slice()).unwrap().header(), &header);
    for at in 0..HEADER_BYTES {
        let mut broken = bytes.clone();
        broken[at] ^= 4;
        assert!(DacpReader::new(broken.as_slice()).is_err(), "byte {at}");
    }
    assert!(DacpHeader::new(0, 9, meta.clone()).is_err());
    assert!(DacpHeader::new(1, 70_000, meta.clone()).is_err());
    assert!(header.clone().with_block_frames(0).is_err());
    assert!(header.with_block_frames(u32::MAX).is_err());
    let bad = |change: fn(&mut TokenMeta)| {
        let mut meta = meta.clone();
        change(&mut meta);
        DacpHeader::new(1, 9, meta).is_err()
    };
    assert!(bad(|m| m.weights_sha256 = Some("12".into())));
    assert!(bad(|m| m.weights_sha256 = Some("g".repeat(64))));
    assert!(bad(|m| m.weights_sha256 = Some("0".repeat(63))));
    assert!(bad(|m| m.codebook_size = Some(0)));
    assert!(bad(|m| m.codebook_size = Some(65537)));
    assert!(bad(|m| m.model = Some("x".repeat(256))));
}

#[test]
fn headers_with_impossible_counts_are_rejected() {
    // Position, size and value of the bytes of a count.
    for (at, size, byte) in
        [(14, 2, 0), (14, 2, 0xff), (16, 2, 0), (20, 4, 0), (20, 4, 0xff), (24, 4, 0), (24, 4, 0xff)]
    {
        let mut bytes = empty_stream(header());
        bytes[at..at + size].fill(byte);
        let sum = crc32fast::hash(&bytes[..HEADER_BYTES - 4]).to_le_bytes();
        bytes[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&sum);
        let error = DacpReader::new(bytes.as_slice()).unwrap_err().to_string();
        assert!(error.contains("expected 1 to") || error.contains("block"), "{at} {byte}: {error}");
    }
}

#[test]
fn every_width_round_trips() {
    for bits in 1..=16 {
        for count in [0, 1, 7, 8, 63, 1025] {
            let mask = ((1u32 << bits) - 1) as u16;
            let data: Vec<u16> = (0..count).map(|i| (i as u16).wrapping_mul(40503) & mask).collect();
            let whole = Codes::new(data, [1, 1, count]).unwrap();
            let mut meta = TokenMeta::default();
            meta.codebook_size = Some(1 << bits);
            let header = DacpHeader::new(1, 1, meta).unwrap().with_block_frames(1025).unwrap();
            let mut writer = DacpWriter::new(Vec::new(), header).unwrap();
            writer.push(&whole).unwrap();
            let bytes = writer.finish(None).unwrap();
            let block = if count == 0 { 0 } else { (count * bits).div_ceil(8) + 8 };
            assert_eq!(bytes.len(), 77 + 4 + block + 24);
            let mut seek = TokenReader::open(Cursor::new(&bytes)).unwrap();
            assert_eq!(seek.read_frames(5..usize::MAX).unwrap().codes, Some(whole.slice_frames(5..count)));
            assert_eq!(seek.read_all().unwrap().codes, Some(whole));
        }
    }
}

#[test]
fn the_first_code_is_in_the_lowest_bits() {
    let mut meta = TokenMeta::default();
    meta.codebook_size = Some(1024);
    let mut writer = DacpWriter::new(Vec::new(), DacpHeader::new(1, 1, meta).unwrap()).unwrap();
    writer.push(&Codes::new(vec![0x3ff, 0, 0x155], [1, 1, 3]).unwrap()).unwrap();
    let bytes = writer.finish(None).unwrap();
    assert_eq!(bytes[77 + 4 + 4..][..4], [0xff, 0x03, 0x50, 0x15]);
}
