//! Demuxer of Ogg: Vorbis, Opus and FLAC, also several streams in a row (chained).
//!
//! Pages have checksums and numbers, which show damage; their positions tell how much is missing.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use symphonia::core::codecs::audio::well_known::{CODEC_ID_FLAC, CODEC_ID_VORBIS};

use super::byte_stream::{ByteStream, be16, le16, le32};
use super::decoder::{PacketDecoder, Parameters, SymphoniaDecoder};
use super::demuxer::{Demuxer, Event, Opened, StreamStart, other_tracks_warning};
use super::flac_frame::StreamInfo;
use super::ogg_page::{self, Page};
use super::opus::OpusPacketDecoder;
use crate::AudioError;

/// Pages before the first audio packet that are read at most.
const MAX_HEADER_PAGES: usize = 4_096;
/// Longest packet in bytes.
const MAX_PACKET_BYTES: usize = 1 << 24;

struct OggDemuxer {
    stream: ByteStream,
    path: PathBuf,
    serial: u32,
    next_sequence: u32,
    /// Start of a packet that continues on the next page.
    partial: Option<Vec<u8>>,
    /// Header packets that are still to be skipped.
    headers_left: usize,
    is_flac: bool,
    /// True before the second page of the stream: first pages of other streams belong to parallel tracks.
    is_at_start: bool,
    audio_tracks: usize,
    seen_last: bool,
    skipped: u64,
    events: VecDeque<Event>,
}

/// Headers of a logical stream.
struct Link {
    serial: u32,
    next_sequence: u32,
    decoder: Box<dyn PacketDecoder>,
    codec: &'static str,
    skip: u64,
    samples: Option<u64>,
    headers_left: usize,
    /// Audio tracks whose first pages were read, this one included.
    audio_tracks: usize,
    /// Packets after the headers on the same page, and the page.
    rest: Page,
}

/// Opens an Ogg file.
pub(super) fn open(mut stream: ByteStream) -> Result<Opened, AudioError> {
    let path = stream.path().to_owned();
    let link = read_link(&mut stream, &path, None)?;
    let last = ogg_page::last_page(&mut stream)?;
    let by_granule = last.filter(|page| page.serial == link.serial).and_then(|page| page.granule);
    let counted = link.samples;
    let samples = counted.or(by_granule.map(|granule| granule.saturating_sub(link.skip)));
    let codec = format!("Ogg, {}", link.codec);
    let first = StreamStart { skip: link.skip, ..StreamStart::default() };
    let mut demuxer = OggDemuxer {
        stream,
        path,
        serial: 0,
        next_sequence: 0,
        partial: None,
        headers_left: 0,
        is_flac: false,
        is_at_start: false,
        audio_tracks: 0,
        seen_last: false,
        skipped: 0,
        events: VecDeque::new(),
    };
    let warning = other_tracks_warning(link.audio_tracks);
    let decoder = demuxer.enter(link);
    Ok(Opened {
        demuxer: Box::new(demuxer),
        decoder,
        codec,
        samples,
        first,
        limit: None,
        samples_are_promised: counted.is_some(),
        has_pages: true,
        warning,
    })
}

/// Reads the headers of the next logical stream with audio. `first` is its first page if it was read already.
fn read_link(stream: &mut ByteStream, path: &Path, first: Option<Page>) -> Result<Link, AudioError> {
    let malformed = |found: &str| AudioError::malformed(path, "complete headers of an Ogg stream", found);
    let mut skipped = 0;
    let mut next = first;
    let mut chosen: Option<(u32, Kind)> = None;
    let mut unsupported = None;
    let mut packets: Vec<Vec<u8>> = Vec::new();
    let mut partial: Option<Vec<u8>> = None;
    let mut next_sequence = 0;
    let mut other_tracks = 0;
    for _ in 0..MAX_HEADER_PAGES {
        let page = match next.take() {
            Some(page) => page,
            None => {
                ogg_page::next_page(stream, &mut skipped)?.ok_or_else(|| malformed("the end of the file"))?
            }
        };
        if chosen.is_none() {
            if !page.is_first {
                match unsupported {
                    Some(codec) => {
                        return Err(AudioError::UnsupportedCodec { path: path.to_owned(), codec });
                    }
                    None if skipped > 0 => return Err(malformed("damaged pages")),
                    None => continue,
                }
            }
            let packet = page.parts.first().map_or(&[][..], Vec::as_slice);
            match Kind::of(packet) {
                Ok(kind) => chosen = Some((page.serial, kind)),
                Err(name) => unsupported = unsupported.or(Some(format!("{name} in Ogg"))),
            }
        }
        let Some((serial, kind)) = chosen else {
            continue;
        };
        if page.serial != serial {
            other_tracks += usize::from(page.is_first && has_audio(&page));
            continue;
        }
        if !packets.is_empty() && page.sequence != next_sequence {
            return Err(malformed("damaged pages"));
        }
        next_sequence = page.sequence.wrapping_add(1);
        let mut rest = page;
        let parts = std::mem::take(&mut rest.parts);
        let count = parts.len();
        for (index, part) in parts.into_iter().enumerate() {
            let mut packet = partial.take().unwrap_or_default();
            packet.extend(part);
            if index + 1 == count && rest.is_unfinished && packets.len() < kind.headers() {
                if packet.len() > MAX_PACKET_BYTES {
                    return Err(malformed("a packet without end"));
                }
                partial = Some(packet);
            } else if packets.len() < kind.headers() {
                packets.push(packet);
            } else {
                rest.parts.push(packet);
            }
        }
        if packets.len() >= kind.headers() {
            rest.is_continued = false;
            rest.is_unfinished &= !rest.parts.is_empty();
            let link = kind.open(path, &packets, rest, next_sequence)?;
            return Ok(Link { audio_tracks: link.audio_tracks + other_tracks, ..link });
        }
    }
    Err(malformed("no audio among the first pages"))
}

/// True for the first page of a stream that can be read.
fn has_audio(page: &Page) -> bool {
    Kind::of(page.parts.first().map_or(&[][..], Vec::as_slice)).is_ok()
}

/// Codec of a logical stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Vorbis,
    Opus,
    Flac,
}

impl Kind {
    /// Detects the codec from the first packet; otherwise names it.
    fn of(packet: &[u8]) -> Result<Self, &'static str> {
        match packet {
            [1, b'v', b'o', b'r', b'b', b'i', b's', ..] => Ok(Self::Vorbis),
            [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', ..] => Ok(Self::Opus),
            [0x7f, b'F', b'L', b'A', b'C', ..] => Ok(Self::Flac),
            [b'f', b'L', b'a', b'C', ..] => Err("FLAC by the mapping before 1.1.1"),
            [b'S', b'p', b'e', b'e', b'x', ..] => Err("Speex"),
            [0x80, b't', b'h', b'e', b'o', b'r', b'a', ..] => Err("Theora video"),
            [b'B', b'B', b'C', b'D', ..] => Err("Dirac video"),
            [b'f', b'i', b's', b'h', ..] => Err("Skeleton"),
            [b'C', b'E', b'L', b'T', ..] => Err("CELT"),
            _ => Err("an unknown codec"),
        }
    }

    /// Number of header packets; those of FLAC after the first have no fixed number.
    fn headers(self) -> usize {
        match self {
            Self::Vorbis => 3,
            Self::Opus => 2,
            Self::Flac => 1,
        }
    }

    fn open(self, path: &Path, packets: &[Vec<u8>], rest: Page, sequence: u32) -> Result<Link, AudioError> {
        let malformed = || AudioError::malformed(path, "complete headers of an Ogg stream", "a short header");
        let first = packets.first().ok_or_else(malformed)?;
        let (serial, next_sequence) = (rest.serial, sequence);
        let link = |decoder, codec, skip, samples, headers_left, rest| Link {
            serial,
            next_sequence,
            decoder,
            codec,
            skip,
            samples,
            headers_left,
            audio_tracks: 1,
            rest,
        };
        match self {
            Self::Vorbis => {
                let channels = usize::from(*first.get(11).ok_or_else(malformed)?);
                let rate_hz = le32(first, 12).ok_or_else(malformed)?;
                let extra_data = Some([first.as_slice(), packets.get(2).ok_or_else(malformed)?].concat());
                let parameters = Parameters { codec: CODEC_ID_VORBIS, rate_hz, channels, extra_data };
                let decoder = SymphoniaDecoder::open(path, parameters, "Vorbis in Ogg")?;
                Ok(link(decoder, "Vorbis", 0, None, 0, rest))
            }
            Self::Opus => {
                let decoder = OpusPacketDecoder::open(path, first)?;
                let skip = u64::from(le16(first, 10).ok_or_else(malformed)?);
                Ok(link(Box::new(decoder), "Opus", skip, None, 0, rest))
            }
            Self::Flac => {
                let body = first.get(17..51).ok_or_else(malformed)?;
                let info = StreamInfo::parse(body).ok_or_else(malformed)?;
                let headers = be16(first, 7).map_or(0, usize::from);
                let parameters = Parameters {
                    codec: CODEC_ID_FLAC,
                    rate_hz: info.rate_hz,
                    channels: info.channels,
                    extra_data: Some(body.to_vec()),
                };
                let decoder = SymphoniaDecoder::open(path, parameters, "FLAC in Ogg")?;
                let samples = (info.samples > 0).then_some(info.samples);
                Ok(link(decoder, "FLAC", 0, samples, headers, rest))
            }
        }
    }
}

impl OggDemuxer {
    /// Continues with the packets of `link` and returns its decoder.
    fn enter(&mut self, link: Link) -> Box<dyn PacketDecoder> {
        self.serial = link.serial;
        self.next_sequence = link.next_sequence;
        self.partial = None;
        self.headers_left = link.headers_left;
        self.is_flac = link.codec == "FLAC";
        self.is_at_start = self.is_flac;
        self.audio_tracks = link.audio_tracks;
        self.seen_last = false;
        let has_packets = !link.rest.parts.is_empty();
        if has_packets || link.rest.is_last {
            self.add_packets(link.rest);
        }
        link.decoder
    }

    fn read_page(&mut self) -> Result<(), AudioError> {
        let Some(page) = ogg_page::next_page(&mut self.stream, &mut self.skipped)? else {
            // Without the mark of a last page the end is known only from what follows the last page.
            let truncated = !self.seen_last && (self.skipped > 0 || self.partial.is_some());
            if !self.seen_last && !truncated {
                let warning = "the last page is not marked as the end of the stream; audio may be missing";
                self.events.push_back(Event::Warning(warning.to_owned()));
            }
            self.events.push_back(Event::End { truncated });
            return Ok(());
        };
        if page.serial != self.serial {
            if page.is_first && has_audio(&page) {
                if !self.is_at_start {
                    return self.start_link(page);
                }
                self.audio_tracks += 1;
                self.events.extend(other_tracks_warning(self.audio_tracks).map(Event::Warning));
            }
            return Ok(());
        }
        self.is_at_start = false;
        if page.is_first {
            return self.start_link(page);
        }
        self.check_sequence(&page);
        self.add_packets(page);
        Ok(())
    }

    fn start_link(&mut self, page: Page) -> Result<(), AudioError> {
        if !self.seen_last && page.serial != self.serial && page.sequence == 0 && self.partial.is_some() {
            let reason = "a packet at the end of a stream is incomplete".to_owned();
            self.events.push_back(Event::Damage { reason, lost: Some(0) });
        }
        let link = read_link(&mut self.stream, &self.path, Some(page))?;
        let skip = link.skip;
        self.events.push_back(Event::StreamEnd { drop: 0 });
        let at = self.events.len();
        let decoder = self.enter(link);
        let start = StreamStart { skip, hold_back: 0, decoder: Some(decoder) };
        self.events.insert(at, Event::StreamStart(start));
        self.skipped = 0;
        Ok(())
    }

    fn check_sequence(&mut self, page: &Page) {
        let expected = self.next_sequence;
        self.next_sequence = page.sequence.wrapping_add(1);
        if page.sequence == expected {
            return;
        }
        self.partial = None;
        self.skipped = 0;
        let reason = match page.sequence.wrapping_sub(expected) {
            missing @ ..0x8000_0000 => {
                format!("{missing} Ogg pages before page {} are missing", page.sequence)
            }
            _ => format!("Ogg page {} follows, expected page {expected}", page.sequence),
        };
        self.events.push_back(Event::Damage { reason, lost: None });
    }

    fn add_packets(&mut self, page: Page) {
        let count = page.parts.len();
        for (index, part) in page.parts.into_iter().enumerate() {
            let is_rest = index == 0 && page.is_continued;
            let mut packet = match self.partial.take() {
                Some(partial) if is_rest => partial,
                // The start of this packet is missing.
                None if is_rest => continue,
                _ => Vec::new(),
            };
            packet.extend(part);
            if index + 1 == count && page.is_unfinished {
                self.partial = (packet.len() < MAX_PACKET_BYTES).then_some(packet);
            } else if self.is_audio(&packet) {
                self.events.push_back(Event::Packet { data: packet, samples: None });
            }
        }
        self.seen_last = page.is_last;
        if let Some(end) = page.granule {
            self.events.push_back(Event::PageEnd { end, is_last: page.is_last });
        }
    }

    /// Skips headers and empty packets.
    fn is_audio(&mut self, packet: &[u8]) -> bool {
        if self.is_flac {
            let is_frame = packet.first() == Some(&0xff);
            self.headers_left = if is_frame { 0 } else { self.headers_left.saturating_sub(1) };
            return is_frame;
        }
        !packet.is_empty()
    }
}

impl Demuxer for OggDemuxer {
    fn next_event(&mut self) -> Result<Event, AudioError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            self.read_page()?;
        }
    }
}
