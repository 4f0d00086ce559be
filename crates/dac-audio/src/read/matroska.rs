//! Demuxer of Matroska and WebM (RFC 9559).

use std::collections::VecDeque;
use std::path::Path;

use symphonia::core::codecs::audio::well_known::*;

use super::aac;
use super::byte_stream::{ByteStream, le16};
use super::decoder::{PacketDecoder, Parameters, PcmDecoder, SymphoniaDecoder};
use super::demuxer::{Demuxer, Event, Opened, StreamStart, other_tracks_warning};
use super::ebml::{Element, children, float, next_element, unsigned, vint};
use super::flac_frame::{self, StreamInfo};
use super::matroska_lacing::split_laces;
use super::mp4_sample_entry::open_aac;
use super::mpeg_header;
use super::opus::{self, OpusPacketDecoder};
use super::pcm::Encoding;
use super::tags;
use crate::AudioError;
use crate::check::check_format;

const EBML: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const TRACKS: u32 = 0x1654_ae6b;
const CLUSTER: u32 = 0x1f43_b675;
/// Elements of a segment and of a cluster that contain no audio that is read: Void, CRC-32, SeekHead, Info,
/// Tracks, Cues, Attachments, Chapters, Tags, SilentTracks, Position, PrevSize, SimpleBlock, BlockGroup.
const KNOWN: [u32; 14] = [
    0xec,
    0xbf,
    0x114d_9b74,
    INFO,
    TRACKS,
    0x1c53_bb6b,
    0x1941_a469,
    0x1043_a770,
    0x1254_c367,
    0x5854,
    0xa7,
    0xab,
    0xa3,
    0xa0,
];
/// Elements before the first cluster, and largest element that is read into memory.
const MAX_ELEMENTS: usize = 4_096;
const MAX_ELEMENT_BYTES: u64 = 1 << 26;
/// Bytes after the last element of a segment of unknown size that are not taken for a truncated element.
const MAX_TRAILING_BYTES: u64 = 8;
/// Padding at the end that can be removed: more than the longest packet of Opus.
const HOLD_BACK: u64 = 8_192;

/// Fields of a track.
#[derive(Default)]
struct Track {
    number: u64,
    is_audio: bool,
    codec: String,
    private: Vec<u8>,
    rate_hz: u32,
    channels: usize,
    bits: u16,
    delay_ns: u64,
    /// Bytes to insert before each packet.
    prefix: Vec<u8>,
    is_encoded: bool,
}

impl Track {
    fn parse(entry: &[u8]) -> Self {
        let mut track = Self { channels: 1, rate_hz: 8_000, ..Self::default() };
        for (id, body) in children(entry) {
            match id {
                0xd7 => track.number = unsigned(body),
                0x83 => track.is_audio = unsigned(body) == 2,
                0x86 => track.codec = String::from_utf8_lossy(body).trim_end_matches('\0').to_owned(),
                0x63a2 => track.private = body.to_vec(),
                0x56aa => track.delay_ns = unsigned(body),
                0xe1 => {
                    for (id, body) in children(body) {
                        match id {
                            0xb5 => track.rate_hz = float(body) as u32,
                            0x9f => track.channels = unsigned(body) as usize,
                            0x6264 => track.bits = unsigned(body) as u16,
                            _ => {}
                        }
                    }
                }
                0x6d80 => track.parse_encodings(body),
                _ => {}
            }
        }
        track
    }

    /// Reads the removal of common first bytes, the only supported encoding of packets.
    fn parse_encodings(&mut self, encodings: &[u8]) {
        self.is_encoded = true;
        for (_, encoding) in children(encodings).filter(|(id, _)| *id == 0x6240) {
            for (_, compression) in children(encoding).filter(|(id, _)| *id == 0x5034) {
                let field =
                    |wanted| children(compression).find(|(id, _)| *id == wanted).map(|(_, body)| body);
                if field(0x4254).map(unsigned) == Some(3) {
                    self.prefix = field(0x4255).unwrap_or_default().to_vec();
                    self.is_encoded = false;
                }
            }
        }
    }
}

/// Length of packets by their codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timing {
    Unknown,
    Fixed(u64),
    Opus,
    Flac,
    Mpeg,
    /// Bytes per sample of all channels.
    Pcm(u64),
}

impl Timing {
    fn samples(self, packet: &[u8]) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::Fixed(samples) => Some(samples),
            Self::Opus => opus::packet_samples(packet).map(|samples| samples as u64),
            Self::Flac => flac_frame::FrameHeader::parse(packet).map(|header| header.block),
            Self::Mpeg => mpeg_header::FrameHeader::parse(packet).map(|header| header.samples),
            Self::Pcm(bytes) => Some(packet.len() as u64 / bytes.max(1)),
        }
    }
}

struct MatroskaDemuxer {
    stream: ByteStream,
    track: Track,
    other_tracks: Vec<u64>,
    timing: Timing,
    /// Nanoseconds per tick.
    scale_ns: u64,
    rate_hz: u32,
    cluster_time: u64,
    /// Offset of the end of the segment, if known.
    segment_end: Option<u64>,
    /// Time in ns at which the next block is expected, if packets have a known length.
    next_ns: Option<u64>,
    is_damaged: bool,
    /// Delay of the encoder in samples.
    skip: u64,
    /// Padding after the last packet in samples.
    discard: u64,
    has_ended: bool,
    truncated: bool,
    events: VecDeque<Event>,
}

/// Opens a file.
pub(super) fn open(mut stream: ByteStream) -> Result<Opened, AudioError> {
    let path = stream.path().to_owned();
    let malformed = |expected: &str, found: &str| AudioError::malformed(&path, expected, found);
    let mut scale_ns = 1_000_000;
    let mut segment_end = None;
    let mut tracks: Vec<Track> = Vec::new();
    let mut has_cluster = false;
    for _ in 0..MAX_ELEMENTS {
        let start = stream.position();
        let Some(Element { id, bytes }) = next_element(&mut stream)? else {
            break;
        };
        match id {
            SEGMENT => segment_end = bytes.map(|bytes| stream.position().saturating_add(bytes)),
            INFO | TRACKS => {
                let bytes = bytes.filter(|&bytes| bytes <= MAX_ELEMENT_BYTES);
                let bytes = bytes.ok_or_else(|| malformed("a header of known size", "an unknown size"))?;
                let body = stream.take(bytes as usize)?;
                for (id, body) in children(&body) {
                    match (id, body) {
                        (0x2ad7b1, body) => scale_ns = unsigned(body).max(1),
                        (0xae, entry) => tracks.push(Track::parse(entry)),
                        _ => {}
                    }
                }
            }
            // An unknown element after the tracks may be a damaged cluster.
            id if id == CLUSTER || !tracks.is_empty() && id != EBML && !KNOWN.contains(&id) => {
                has_cluster = true;
                stream.seek(start)?;
                break;
            }
            _ => match bytes {
                Some(bytes) => stream.skip(bytes)?,
                None => return Err(malformed("an element of known size", "an unknown size")),
            },
        }
    }
    let audio_tracks = tracks.iter().filter(|track| track.is_audio).count();
    let index = tracks.iter().position(|track| track.is_audio);
    let index = index.ok_or_else(|| AudioError::NoAudioTrack { path: path.clone() })?;
    let track = tracks.swap_remove(index);
    if track.is_encoded {
        let codec = "compressed or encrypted packets in Matroska/WebM".to_owned();
        return Err(AudioError::UnsupportedCodec { path, codec });
    }
    let mut demuxer = MatroskaDemuxer {
        stream,
        track,
        other_tracks: tracks.iter().map(|track| track.number).collect(),
        timing: Timing::Unknown,
        scale_ns,
        rate_hz: 0,
        cluster_time: 0,
        segment_end,
        next_ns: None,
        is_damaged: false,
        skip: 0,
        discard: 0,
        has_ended: false,
        truncated: false,
        events: VecDeque::new(),
    };
    let packets = demuxer.peek_packets()?;
    demuxer.truncated = !has_cluster;
    let (decoder, name, timing) = open_codec(&path, &demuxer.track, &packets)?;
    demuxer.timing = timing;
    demuxer.rate_hz = decoder.format().0;
    let to_samples = |ns: u128| ((ns * u128::from(demuxer.rate_hz) + 500_000_000) / 1_000_000_000) as u64;
    // The delay of the track may be in units of another rate; that of the codec is right.
    let skip = match timing {
        Timing::Opus => u64::from(le16(&demuxer.track.private, 10).unwrap_or(0)),
        _ => to_samples(u128::from(demuxer.track.delay_ns)),
    };
    demuxer.skip = skip;
    Ok(Opened {
        demuxer: Box::new(demuxer),
        decoder,
        codec: format!("Matroska, {name}"),
        // The duration of the file is rounded and counts delay and padding.
        samples: None,
        first: StreamStart { skip, hold_back: HOLD_BACK, decoder: None },
        limit: None,
        samples_are_promised: false,
        has_pages: false,
        warning: other_tracks_warning(audio_tracks),
    })
}

type OpenedCodec = (Box<dyn PacketDecoder>, String, Timing);

fn open_codec(path: &Path, track: &Track, packets: &[Vec<u8>]) -> Result<OpenedCodec, AudioError> {
    let Track { rate_hz, channels, bits, .. } = *track;
    let private = track.private.as_slice();
    let malformed = |found: &str| AudioError::malformed(path, "a valid CodecPrivate element", found);
    let symphonia = |codec, rate_hz, channels, extra: Option<&[u8]>, name: &str, timing| {
        let extra_data = extra.map(<[u8]>::to_vec);
        let parameters = Parameters { codec, rate_hz, channels, extra_data };
        let decoder = SymphoniaDecoder::open(path, parameters, &format!("{name} in Matroska/WebM"))?;
        Ok::<OpenedCodec, AudioError>((decoder, name.to_owned(), timing))
    };
    match track.codec.as_str() {
        "A_OPUS" => Ok((Box::new(OpusPacketDecoder::open(path, private)?), "Opus".to_owned(), Timing::Opus)),
        "A_VORBIS" => symphonia(CODEC_ID_VORBIS, rate_hz, channels, Some(private), "Vorbis", Timing::Unknown),
        "A_FLAC" => {
            let body = private.get(8..42).ok_or_else(|| malformed("less than STREAMINFO"))?;
            let info = StreamInfo::parse(body).ok_or_else(|| malformed("no STREAMINFO"))?;
            symphonia(CODEC_ID_FLAC, info.rate_hz, info.channels, Some(body), "FLAC", Timing::Flac)
        }
        "A_ALAC" => symphonia(CODEC_ID_ALAC, rate_hz, 0, Some(private), "ALAC", Timing::Unknown),
        codec if codec.starts_with("A_AAC") => {
            let opened = open_aac(path, private, packets, "Matroska/WebM")?;
            Ok((opened.decoder, opened.name, Timing::Fixed(1_024)))
        }
        codec @ ("A_MPEG/L3" | "A_MPEG/L2" | "A_MPEG/L1") => {
            let header = packets.first().and_then(|packet| mpeg_header::FrameHeader::parse(packet));
            let header = header.ok_or_else(|| AudioError::malformed(path, "a frame of MP3", "none"))?;
            let (id, name) = match codec {
                "A_MPEG/L3" => (CODEC_ID_MP3, "MP3"),
                "A_MPEG/L2" => (CODEC_ID_MP2, "MP2"),
                _ => (CODEC_ID_MP1, "MP1"),
            };
            let channels = if header.is_mono { 1 } else { 2 };
            symphonia(id, header.rate_hz, channels, None, name, Timing::Mpeg)
        }
        codec => {
            let encoding = match (codec, bits) {
                ("A_PCM/INT/LIT", 8) => Encoding::U8,
                ("A_PCM/INT/LIT", 16 | 24 | 32) => Encoding::Int { bytes: (bits / 8) as u8 },
                ("A_PCM/INT/BIG", 16 | 24 | 32) => Encoding::IntBe { bytes: (bits / 8) as u8 },
                ("A_PCM/FLOAT/IEEE", 32) => Encoding::F32,
                ("A_PCM/FLOAT/IEEE", 64) => Encoding::F64,
                _ => {
                    let codec = aac::with_way_out(&format!("{codec} in Matroska/WebM"));
                    return Err(AudioError::UnsupportedCodec { path: path.to_owned(), codec });
                }
            };
            check_format(path, rate_hz, channels)?;
            let timing = Timing::Pcm((encoding.bytes() * channels) as u64);
            Ok((Box::new(PcmDecoder { encoding, rate_hz, channels }), encoding.name(), timing))
        }
    }
}

impl MatroskaDemuxer {
    /// Reads the first packets without consuming them.
    fn peek_packets(&mut self) -> Result<Vec<Vec<u8>>, AudioError> {
        let start = self.stream.position();
        while self.events.len() < aac::SBR_TEST_FRAMES && !self.has_ended {
            self.read_element()?;
        }
        let packets = self.events.drain(..).filter_map(|event| match event {
            Event::Packet { data, .. } => Some(data),
            _ => None,
        });
        let packets = packets.collect();
        self.stream.seek(start)?;
        (self.has_ended, self.truncated, self.is_damaged, self.next_ns) = (false, false, false, None);
        Ok(packets)
    }

    fn read_element(&mut self) -> Result<(), AudioError> {
        let start = self.stream.position();
        if tags::is_tag(self.stream.peek(16)?) {
            self.has_ended = true;
            return Ok(());
        }
        let Some(Element { id, bytes }) = next_element(&mut self.stream)? else {
            if self.stream.position() < self.stream.length() {
                return self.resynchronize(start);
            }
            self.truncated |= self.segment_end.is_some_and(|end| end > start);
            self.has_ended = true;
            return Ok(());
        };
        let left = self.stream.length() - self.stream.position();
        if self.segment_end.is_some_and(|end| start >= end) && !matches!(id, EBML | SEGMENT | CLUSTER) {
            // Bytes after the end of the segment.
            return self.resynchronize(start);
        }
        if let Some(bytes) = bytes
            && bytes > left
            && !matches!(id, SEGMENT | CLUSTER)
        {
            // The rest of the file is inside this element.
            if bytes > MAX_ELEMENT_BYTES {
                return self.resynchronize(start);
            }
            self.truncated = true;
        }
        match (id, bytes) {
            (EBML, Some(bytes)) => {
                // A file that was joined to this one.
                self.stream.skip(bytes)?;
                let drop = std::mem::take(&mut self.discard);
                self.events.push_back(Event::StreamEnd { drop });
                let start = StreamStart { skip: self.skip, hold_back: HOLD_BACK, decoder: None };
                self.events.push_back(Event::StreamStart(start));
                self.next_ns = None;
            }
            (SEGMENT, _) => {
                self.segment_end = bytes.map(|bytes| self.stream.position().saturating_add(bytes));
            }
            (CLUSTER, _) => {}
            (0xe7, Some(bytes @ ..=8)) => self.cluster_time = unsigned(&self.stream.take(bytes as usize)?),
            (0xa3, Some(bytes)) if bytes <= left => {
                let block = self.stream.take(bytes as usize)?;
                self.add_block(&block);
                self.discard = 0;
            }
            (0xa0, Some(bytes)) if bytes <= left => {
                let group = self.stream.take(bytes as usize)?;
                self.add_group(&group);
            }
            (_, Some(bytes)) => {
                // An unknown element may be a damaged block.
                self.is_damaged |= !KNOWN.contains(&id);
                self.stream.skip(bytes)?;
            }
            (_, None) => return self.resynchronize(start),
        }
        Ok(())
    }

    /// Searches the next cluster after bytes that are not an element.
    fn resynchronize(&mut self, start: u64) -> Result<(), AudioError> {
        self.stream.seek(start + 1)?;
        let was_damaged = std::mem::replace(&mut self.is_damaged, true);
        loop {
            let window = self.stream.peek(1 << 16)?;
            if let Some(at) = window.windows(4).position(|id| id == CLUSTER.to_be_bytes()) {
                self.stream.consume(at);
                return Ok(());
            }
            let count = window.len();
            if count < 1 << 16 {
                self.stream.consume(count);
                self.truncated |= match self.segment_end {
                    Some(end) => end > start,
                    // A live recording, whose size is unknown.
                    None => self.stream.position() - start > MAX_TRAILING_BYTES,
                };
                self.is_damaged = was_damaged;
                self.has_ended = true;
                return Ok(());
            }
            self.stream.consume(count - 3);
        }
    }

    fn add_group(&mut self, group: &[u8]) {
        for (_, block) in children(group).filter(|(id, _)| *id == 0xa1) {
            self.add_block(block);
        }
        let padding = children(group).find(|(id, _)| *id == 0x75a2).map_or(0, |(_, body)| {
            let negative = body.first().is_some_and(|byte| byte & 0x80 != 0);
            if negative { 0 } else { unsigned(body) }
        });
        let samples = u128::from(padding) * u128::from(self.rate_hz) + 500_000_000;
        self.discard = (samples / 1_000_000_000) as u64;
    }

    fn add_block(&mut self, block: &[u8]) {
        let header = vint(block).and_then(|(number, length)| {
            let rest = block.get(length..)?;
            Some((number, *rest.first_chunk()?, rest.get(3..)?))
        });
        let Some((number, [high, low, flags], body)) = header else {
            self.is_damaged = true;
            return;
        };
        if number != self.track.number {
            self.is_damaged |= !self.other_tracks.contains(&number);
            return;
        }
        let ticks = self.cluster_time.saturating_add_signed(i64::from(i16::from_be_bytes([high, low])));
        self.check_time(ticks.saturating_mul(self.scale_ns));
        let Some(frames) = split_laces(body, flags) else {
            let reason = format!(
                "a block at {:.3} s is not divided into packets",
                ticks as f64 * 1e-9 * self.scale_ns as f64
            );
            // The time of the next block tells how much is missing.
            self.is_damaged = true;
            self.events.push_back(Event::Damage { reason, lost: Some(0) });
            return;
        };
        for frame in frames {
            let data = [self.track.prefix.as_slice(), frame].concat();
            let samples = self.timing.samples(&data);
            if let (Some(next), Some(samples), rate @ 1..) = (&mut self.next_ns, samples, self.rate_hz) {
                *next = next.saturating_add(samples.saturating_mul(1_000_000_000) / u64::from(rate));
            }
            self.events.push_back(Event::Packet { data, samples });
        }
    }

    /// Reports what is missing before a block at `time` after damage.
    fn check_time(&mut self, time: u64) {
        let expected = self.next_ns.replace(time).unwrap_or(time);
        if std::mem::take(&mut self.is_damaged) {
            let missing = u128::from(time.saturating_sub(expected)) * u128::from(self.rate_hz);
            let reason = format!("damaged clusters before {:.3} s", time as f64 / 1e9);
            let lost = Some((missing / 1_000_000_000) as u64);
            self.events.push_back(Event::Damage { reason, lost });
        }
    }
}

impl Demuxer for MatroskaDemuxer {
    fn next_event(&mut self) -> Result<Event, AudioError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            if self.has_ended {
                if self.discard > 0 {
                    let drop = std::mem::take(&mut self.discard);
                    return Ok(Event::StreamEnd { drop });
                }
                // Nothing after a damaged element tells how much is missing.
                return Ok(Event::End { truncated: self.truncated || self.is_damaged });
            }
            self.read_element()?;
        }
    }
}
