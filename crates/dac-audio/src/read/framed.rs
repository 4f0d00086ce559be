//! Demuxer of formats whose frames begin with a header and follow each other: MPEG audio and ADTS.

use super::byte_stream::ByteStream;
use super::demuxer::{Demuxer, Event, StreamStart, unknown_bytes_warning};
use super::mpeg_header::StreamTag;
use super::tags;
use crate::AudioError;

/// Bytes before the first frame that are searched at most.
const MAX_LEADING_BYTES: u64 = 1 << 20;
/// Bytes that are searched at a time.
const SEARCH_BYTES: usize = 1 << 16;
/// Zeros after the last frame from which a file counts as truncated: an incomplete download.
const MAX_ZERO_BYTES: u64 = 1 << 16;
/// Bytes around the frames that are not zero, from which they are reported as possibly missing audio: the
/// shortest frame is the header of ADTS.
const MIN_UNKNOWN_BYTES: u64 = 7;
/// Longest header in bytes.
const HEADER_BYTES: usize = 10;

/// Frame format.
pub(super) trait FrameFormat: Send {
    /// Header of a frame.
    type Header: Copy + Send;

    /// Parses the first bytes of a frame.
    fn parse(head: &[u8]) -> Option<Self::Header>;

    /// True if a frame with header `next` can follow in the same stream.
    fn can_precede(header: &Self::Header, next: &Self::Header) -> bool;

    /// Bytes of the frame with its header.
    fn bytes(header: &Self::Header) -> usize;

    /// Samples per channel.
    fn samples(header: &Self::Header) -> u64;

    /// Bytes to pass to the decoder.
    fn payload(header: &Self::Header, frame: Vec<u8>) -> Vec<u8>;

    /// Returns the tag of a frame without audio.
    fn tag(header: &Self::Header, frame: &[u8]) -> Option<StreamTag>;
}

/// Reads the frames of a file.
pub(super) struct FrameDemuxer<F: FrameFormat> {
    stream: ByteStream,
    /// Header of the first frame, or of the last after a change of format.
    header: F::Header,
    tag: Option<StreamTag>,
    /// Frames of the current stream.
    frames: u64,
    frame_bytes: u64,
    /// Tag of a stream that begins after the current one.
    next_tag: Option<StreamTag>,
    /// Warning of bytes before the first frame.
    leading: Option<Event>,
    truncated: bool,
}

impl<F: FrameFormat> FrameDemuxer<F> {
    /// Finds the first frame; `None` if there is none.
    pub(super) fn open(mut stream: ByteStream) -> Result<Option<Self>, AudioError> {
        tags::skip_tags(&mut stream)?;
        let start = stream.position();
        while stream.position() - start < MAX_LEADING_BYTES {
            let begin = stream.position();
            let zeros = stream.peek(SEARCH_BYTES)?.iter().take_while(|&&byte| byte == 0).count() as u64;
            let first = F::parse(stream.peek(HEADER_BYTES)?);
            if !advance_to_frame::<F>(&mut stream, None)? {
                return Ok(None);
            }
            if let (Some(first), Some(found)) = (first, F::parse(stream.peek(HEADER_BYTES)?))
                && F::can_precede(&first, &found)
            {
                // The file begins with a frame; what follows it is damaged.
                stream.seek(begin)?;
            }
            let head = stream.peek(HEADER_BYTES)?;
            if tags::is_tag(head) {
                tags::skip_tags(&mut stream)?;
                continue;
            }
            let Some(header) = F::parse(head) else {
                continue;
            };
            let frame = stream.peek(F::bytes(&header))?;
            let tag = F::tag(&header, frame);
            let skipped = stream.position() - begin;
            let may_be_frame = skipped >= zeros + MIN_UNKNOWN_BYTES;
            let leading = may_be_frame.then(|| unknown_bytes_warning(skipped, begin));
            if tag.is_some() {
                let bytes = F::bytes(&header);
                stream.consume(bytes);
            }
            return Ok(Some(Self {
                stream,
                header,
                tag,
                frames: 0,
                frame_bytes: 0,
                next_tag: None,
                leading,
                truncated: false,
            }));
        }
        Ok(None)
    }

    pub(super) fn header(&self) -> F::Header {
        self.header
    }

    pub(super) fn tag(&self) -> Option<StreamTag> {
        self.tag
    }

    /// Returns the payloads of the next frames, at most `count`, without consuming them.
    pub(super) fn peek_payloads(&mut self, count: usize) -> Result<Vec<Vec<u8>>, AudioError> {
        let mut payloads = Vec::new();
        let mut at = 0;
        while payloads.len() < count {
            let head = self.stream.peek(at + HEADER_BYTES)?.get(at..).unwrap_or_default();
            let Some(header) = F::parse(head) else {
                break;
            };
            let end = at + F::bytes(&header);
            let Some(frame) = self.stream.peek(end)?.get(at..end) else {
                break;
            };
            payloads.push(F::payload(&header, frame.to_vec()));
            at = end;
        }
        Ok(payloads)
    }

    /// Ends the current stream. Padding is removed only if the number of frames is as in the tag.
    fn end_stream(&mut self) -> u64 {
        let tag = self.tag.unwrap_or_default();
        match tag.frames {
            Some(frames) if self.frames < frames => {
                self.truncated = true;
                0
            }
            Some(frames) if self.frames > frames => 0,
            _ => tag.padding,
        }
    }

    fn next_frame(&mut self) -> Result<Event, AudioError> {
        let (header, bytes) = loop {
            let head = self.stream.peek(HEADER_BYTES)?;
            if head.is_empty() {
                return Ok(self.end_file());
            }
            match F::parse(head) {
                Some(header) if F::can_precede(&self.header, &header) => {
                    let bytes = F::bytes(&header);
                    if self.stream.peek(bytes)?.len() == bytes {
                        break (header, bytes);
                    }
                    self.skip_rest()?;
                    self.truncated = true;
                }
                _ => {
                    if let Some(damage) = self.skip_unknown_bytes()? {
                        return Ok(damage);
                    }
                }
            }
        };
        let frame = self.stream.take(bytes)?;
        if let Some(tag) = F::tag(&header, &frame) {
            self.next_tag = Some(tag);
            return Ok(Event::StreamEnd { drop: self.end_stream() });
        }
        self.frames += 1;
        self.frame_bytes += bytes as u64;
        let samples = Some(F::samples(&header));
        Ok(Event::Packet { data: F::payload(&header, frame), samples })
    }

    /// Removes the padding before the end of the file is reported.
    fn end_file(&mut self) -> Event {
        if self.tag.is_some() {
            let drop = self.end_stream();
            self.tag = None;
            return Event::StreamEnd { drop };
        }
        Event::End { truncated: self.truncated }
    }

    fn skip_rest(&mut self) -> Result<(), AudioError> {
        self.stream.seek(self.stream.length())
    }

    /// Skips bytes that are not a frame up to the next frame, tag or the end. Returns lost frames.
    fn skip_unknown_bytes(&mut self) -> Result<Option<Event>, AudioError> {
        if tags::skip_tag(&mut self.stream)? {
            return Ok(None);
        }
        let start = self.stream.position();
        let is_zero = self.stream.peek(SEARCH_BYTES)?.iter().all(|&byte| byte == 0);
        if !advance_to_frame::<F>(&mut self.stream, Some(&self.header))? {
            self.stream.seek(start)?;
            if advance_to_frame::<F>(&mut self.stream, None)? {
                let at = self.stream.position();
                self.skip_rest()?;
                self.truncated = true;
                let reason =
                    format!("a stream with another sample rate or number of channels follows at byte {at}");
                return Ok(Some(Event::Damage { reason, lost: Some(0) }));
            }
        }
        let skipped = self.stream.position() - start;
        let average = (self.frame_bytes / self.frames.max(1)).max(1);
        let promised = self.tag.and_then(|tag| tag.frames);
        let is_complete = promised.is_some_and(|frames| self.frames >= frames);
        let head = self.stream.peek(HEADER_BYTES)?;
        if head.is_empty() || tags::is_tag(head) {
            // Bytes after the last frame. A missing part of the file has the size of frames.
            let least = if is_zero { MAX_ZERO_BYTES } else { 2 * average };
            self.truncated |= !is_complete && skipped >= least;
            let may_be_frame = !is_complete && skipped >= if is_zero { average } else { MIN_UNKNOWN_BYTES };
            return Ok((may_be_frame && !self.truncated).then(|| unknown_bytes_warning(skipped, start)));
        }
        if is_complete {
            return Ok(None);
        }
        let lost_frames = (skipped + average / 2) / average;
        if lost_frames == 0 {
            // Too few for a frame, but frames before them may be missing.
            return Ok(Some(unknown_bytes_warning(skipped, start)));
        }
        self.frames += lost_frames;
        Ok(Some(Event::Damage {
            reason: format!("{skipped} bytes at offset {start} are not a frame"),
            lost: Some(lost_frames * F::samples(&self.header)),
        }))
    }
}

/// Moves to the next frame, or to the next tag after at least one byte if `like` is given; otherwise to the
/// end of the file, and returns false. A frame is followed by another frame, a tag, or the end of the file.
fn advance_to_frame<F: FrameFormat>(
    stream: &mut ByteStream,
    like: Option<&F::Header>,
) -> Result<bool, AudioError> {
    let start = stream.position();
    loop {
        let is_start = stream.position() == start;
        let window = stream.peek(SEARCH_BYTES)?;
        let is_last = window.len() < SEARCH_BYTES;
        let end = if is_last { window.len() } else { window.len() - HEADER_BYTES };
        let candidate = (0..end).find_map(|at| {
            let head = window.get(at..).unwrap_or_default();
            if like.is_some() && (at > 0 || !is_start) && tags::is_tag(head) {
                return Some((at, None));
            }
            let header = F::parse(head).filter(|header| like.is_none_or(|like| F::can_precede(like, header)));
            header.map(|header| (at, Some(header)))
        });
        let Some((at, header)) = candidate else {
            stream.consume(end);
            if is_last {
                return Ok(false);
            }
            continue;
        };
        stream.consume(at);
        let Some(header) = header else {
            return Ok(true);
        };
        let bytes = F::bytes(&header);
        let frame = stream.peek(bytes + HEADER_BYTES)?;
        let next = frame.get(bytes..).unwrap_or_default();
        let is_followed = F::parse(next).is_some_and(|next| F::can_precede(&header, &next));
        if is_followed || frame.len() >= bytes && (next.is_empty() || tags::is_tag(next)) {
            return Ok(true);
        }
        stream.consume(1);
    }
}

impl<F: FrameFormat> Demuxer for FrameDemuxer<F> {
    fn next_event(&mut self) -> Result<Event, AudioError> {
        if let Some(warning) = self.leading.take() {
            return Ok(warning);
        }
        if let Some(tag) = self.next_tag.take() {
            self.tag = Some(tag);
            self.frames = 0;
            let StreamTag { delay: skip, padding: hold_back, .. } = tag;
            return Ok(Event::StreamStart(StreamStart { skip, hold_back, decoder: None }));
        }
        self.next_frame()
    }
}
