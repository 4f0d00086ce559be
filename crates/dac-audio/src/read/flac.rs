//! Demuxer of FLAC.
//!
//! Frames have no length: a frame ends where its CRC-16 matches and the next frame, a tag or the end of the
//! file follows. Anything may follow the last frame.

use std::collections::VecDeque;
use std::path::Path;

use symphonia::core::codecs::audio::well_known::CODEC_ID_FLAC;

use super::byte_stream::ByteStream;
use super::decoder::{PacketDecoder, Parameters, SymphoniaDecoder};
use super::demuxer::{Demuxer, Event, Opened, StreamStart, is_padding, unknown_bytes_warning};
use super::flac_frame::{FrameHeader, MAX_HEADER_BYTES, STREAM_INFO_BYTES, StreamInfo, crc16};
use super::tags;
use crate::AudioError;

/// Maximum number of metadata blocks.
const MAX_BLOCKS: usize = 1_024;
/// Missing samples that the number of a frame may show, as a number of blocks.
const MAX_MISSING_BLOCKS: u64 = 100_000;
/// Frames that may be inside of a frame whose damage hides its end.
const MAX_SWALLOWED_BLOCKS: u64 = 64;
/// Bytes that are searched at a time after damage.
const SEARCH_BYTES: usize = 1 << 16;

struct FlacDemuxer {
    stream: ByteStream,
    info: StreamInfo,
    info_bytes: Vec<u8>,
    /// Block size that frame numbers count.
    block: Option<u64>,
    /// Number of the next sample, once known.
    next_sample: Option<u64>,
    events: VecDeque<Event>,
}

/// Opens a FLAC file.
pub(super) fn open(mut stream: ByteStream) -> Result<Opened, AudioError> {
    let path = stream.path().to_owned();
    tags::skip_tags(&mut stream)?;
    let (info, info_bytes) = read_metadata(&mut stream)?;
    let decoder = make_decoder(&path, &info, &info_bytes)?;
    let samples = (info.samples > 0).then_some(info.samples);
    Ok(Opened {
        demuxer: Box::new(FlacDemuxer {
            stream,
            info,
            info_bytes,
            block: None,
            next_sample: None,
            events: VecDeque::new(),
        }),
        decoder,
        codec: "FLAC".to_owned(),
        samples,
        first: StreamStart::default(),
        limit: None,
        samples_are_promised: true,
        has_pages: false,
        warning: None,
    })
}

fn make_decoder(
    path: &Path,
    info: &StreamInfo,
    info_bytes: &[u8],
) -> Result<Box<SymphoniaDecoder>, AudioError> {
    let parameters = Parameters {
        codec: CODEC_ID_FLAC,
        rate_hz: info.rate_hz,
        channels: info.channels,
        extra_data: Some(info_bytes.to_vec()),
    };
    SymphoniaDecoder::open(path, parameters, "FLAC")
}

/// Reads the signature and the metadata blocks.
fn read_metadata(stream: &mut ByteStream) -> Result<(StreamInfo, Vec<u8>), AudioError> {
    let path = stream.path().to_owned();
    let malformed = |found: &str| AudioError::malformed(&path, "a complete header of FLAC", found);
    if stream.take(4)? != b"fLaC" {
        return Err(malformed("no FLAC signature"));
    }
    let mut info = None;
    for _ in 0..MAX_BLOCKS {
        let header = stream.take(4)?;
        let &[kind, a, b, c] = header.as_slice() else {
            return Err(malformed("the end of the file"));
        };
        let bytes = u32::from_be_bytes([0, a, b, c]);
        if kind & 0x7f == 0 && info.is_none() {
            let body = stream.take(STREAM_INFO_BYTES)?;
            info = StreamInfo::parse(&body).zip(Some(body));
            stream.skip(u64::from(bytes).saturating_sub(STREAM_INFO_BYTES as u64))?;
        } else {
            stream.skip(u64::from(bytes))?;
        }
        if kind & 0x80 != 0 || starts_frame(stream)? {
            return info.ok_or_else(|| malformed("no STREAMINFO block"));
        }
    }
    Err(malformed("too many metadata blocks"))
}

/// True if a frame begins here, although the last metadata block is not marked.
fn starts_frame(stream: &mut ByteStream) -> Result<bool, AudioError> {
    Ok(FrameHeader::parse(stream.peek(MAX_HEADER_BYTES)?).is_some())
}

/// Computes the number of the first sample of a frame; frames are numbered in blocks of `block` samples.
fn first_sample(header: &FrameHeader, block: Option<u64>) -> u64 {
    match header.is_variable {
        true => header.number,
        false => header.number.saturating_mul(block.unwrap_or(header.block)),
    }
}

impl FlacDemuxer {
    /// Bytes that a frame has at most: coded noise can be several times as large as its samples.
    fn max_frame_bytes(&self, header: &FrameHeader) -> usize {
        let StreamInfo { channels, bits, .. } = self.info;
        (header.block as usize * channels * (bits as usize + 1)).div_ceil(8) * 4 + 1_024
    }

    /// Finds the length of the frame at the current position; `None` if it is damaged or incomplete.
    fn find_frame_bytes(&mut self, header: &FrameHeader) -> Result<Option<usize>, AudioError> {
        let limit = self.max_frame_bytes(header);
        let mut window = 1 << 14;
        let (mut crc, mut at) = (0, 0);
        let mut candidates = Vec::new();
        loop {
            let wanted = (window + MAX_HEADER_BYTES).min(limit + MAX_HEADER_BYTES);
            let bytes = self.stream.peek(wanted)?;
            let is_last = bytes.len() < wanted || wanted == limit + MAX_HEADER_BYTES;
            let end = if is_last { bytes.len() } else { bytes.len() - MAX_HEADER_BYTES };
            while at < end {
                crc = crc16(crc, bytes.get(at).copied().unwrap_or(0));
                at += 1;
                if crc == 0 && at > 5 {
                    let next = bytes.get(at..).unwrap_or_default();
                    let is_frame =
                        FrameHeader::parse(next).is_some_and(|next| next.is_variable == header.is_variable);
                    if is_frame || next.starts_with(b"fLaC") {
                        return Ok(Some(at));
                    }
                    candidates.push(at);
                }
            }
            if is_last {
                break;
            }
            window *= 2;
        }
        // The last frame, or garbage follows: the shortest candidate that can be decoded. The CRC of a
        // damaged frame may match by chance after the next frame.
        let next_frame = self.find_next_frame(header, candidates.last().copied().unwrap_or(0))?;
        let path = self.stream.path().to_owned();
        let mut planes = Vec::new();
        for end in candidates.into_iter().filter(|&end| next_frame.is_none_or(|next| end <= next)) {
            let mut decoder = make_decoder(&path, &self.info, &self.info_bytes)?;
            if decoder.decode(self.stream.peek(end)?, &mut planes).is_ok() {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// Finds a frame that follows the one at the current position, also after some lost ones, within `limit`
    /// bytes.
    fn find_next_frame(&mut self, header: &FrameHeader, limit: usize) -> Result<Option<usize>, AudioError> {
        let block = self.block.or(Some(header.block));
        let wanted = first_sample(header, block).saturating_add(header.block);
        let furthest = wanted.saturating_add(MAX_SWALLOWED_BLOCKS * header.block);
        let bytes = self.stream.peek(limit + MAX_HEADER_BYTES)?;
        Ok((1..bytes.len()).find(|&at| {
            let next = FrameHeader::parse(bytes.get(at..).unwrap_or_default());
            next.is_some_and(|next| {
                next.is_variable == header.is_variable
                    && (wanted..=furthest).contains(&first_sample(&next, block))
            })
        }))
    }

    /// Reads the next frame into `events`.
    fn read_frame(&mut self) -> Result<(), AudioError> {
        let head = self.stream.peek(MAX_HEADER_BYTES)?;
        if head.is_empty() {
            self.events.push_back(Event::End { truncated: false });
            return Ok(());
        }
        let Some(header) = FrameHeader::parse(head) else {
            if head.starts_with(b"fLaC") {
                return self.start_joined_stream();
            }
            if tags::skip_tag(&mut self.stream)? {
                return Ok(());
            }
            return self.resynchronize();
        };
        let Some(bytes) = self.find_frame_bytes(&header)? else {
            return self.resynchronize();
        };
        let data = self.stream.take(bytes)?;
        self.block.get_or_insert(header.block);
        let first = first_sample(&header, self.block);
        if let Some(expected) = self.next_sample
            && first > expected
        {
            self.push_missing(expected, first);
        }
        self.next_sample = Some(first.saturating_add(header.block));
        self.events.push_back(Event::Packet { data, samples: Some(header.block) });
        Ok(())
    }

    fn push_missing(&mut self, expected: u64, first: u64) {
        let reason = format!("samples {expected} to {first} are missing");
        self.events.push_back(Event::Damage { reason, lost: Some(first - expected) });
    }

    /// Skips to the next frame, whose number tells how much is missing.
    fn resynchronize(&mut self) -> Result<(), AudioError> {
        // A damaged first frame counts as missing; a file that was cut out of a stream begins with a frame.
        let expected = *self.next_sample.get_or_insert(0);
        let was_frame = FrameHeader::parse(self.stream.peek(MAX_HEADER_BYTES)?).is_some();
        let start = self.stream.position();
        let furthest = expected.saturating_add(MAX_MISSING_BLOCKS * self.info.max_block.max(4_096));
        let mut is_empty = self.stream.peek(1)?.iter().all(is_padding);
        self.stream.consume(1);
        loop {
            let window = self.stream.peek(SEARCH_BYTES)?;
            is_empty &= window.iter().all(is_padding);
            let is_last = window.len() < SEARCH_BYTES;
            let end = if is_last { window.len() } else { window.len() - MAX_HEADER_BYTES };
            let block = self.block;
            let start = (0..end).find(|&at| {
                let header = FrameHeader::parse(window.get(at..).unwrap_or_default());
                header.is_some_and(|header| {
                    let first = first_sample(&header, block);
                    first > expected && first <= furthest
                })
            });
            let joined = window.windows(4).position(|name| name == b"fLaC");
            if let Some(at) = [start, joined].into_iter().flatten().min() {
                self.stream.consume(at);
                return Ok(());
            }
            self.stream.consume(end);
            if is_last {
                break;
            }
        }
        // Nothing follows: the last frame is incomplete, or these are bytes after the last frame.
        let is_complete = self.info.samples > 0 && expected >= self.info.samples;
        let skipped = self.stream.position() - start;
        let truncated = !is_complete && (was_frame || self.info.samples > 0 || skipped > SEARCH_BYTES as u64);
        if !is_complete && !truncated && !is_empty {
            self.events.push_back(unknown_bytes_warning(skipped, start));
        }
        self.events.push_back(Event::End { truncated });
        Ok(())
    }

    fn start_joined_stream(&mut self) -> Result<(), AudioError> {
        (self.info, self.info_bytes) = read_metadata(&mut self.stream)?;
        (self.block, self.next_sample) = (None, None);
        let decoder = make_decoder(self.stream.path(), &self.info, &self.info_bytes)?;
        self.events.push_back(Event::StreamEnd { drop: 0 });
        self.events
            .push_back(Event::StreamStart(StreamStart { decoder: Some(decoder), ..StreamStart::default() }));
        Ok(())
    }
}

impl Demuxer for FlacDemuxer {
    fn next_event(&mut self) -> Result<Event, AudioError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            self.read_frame()?;
        }
    }
}
