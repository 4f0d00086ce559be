//! Core Audio Format.

use std::collections::VecDeque;

use symphonia::core::codecs::audio::well_known::CODEC_ID_ALAC;

use super::aac;
use super::adpcm::AdpcmDecoder;
use super::blocks::BlockDemuxer;
use super::byte_stream::{ByteStream, be32, be64};
use super::decoder::{PacketDecoder, Parameters, SymphoniaDecoder};
use super::demuxer::{Demuxer, Event, Opened, StreamStart};
use super::mp4_sample_entry::{open_aac, parse_esds};
use super::opened::OpenedFile;
use super::pcm::Encoding;
use super::spec::AudioSpec;
use super::wav::PcmStream;
use crate::AudioError;
use crate::check::check_format;

/// Maximum number of chunks.
const MAX_CHUNKS: usize = 1_024;
/// Largest packet table or cookie in bytes.
const MAX_TABLE_BYTES: u64 = 1 << 28;

/// Audio description.
#[derive(Debug, Clone, Copy, Default)]
struct Description {
    rate_hz: u32,
    format: [u8; 4],
    flags: u32,
    packet_bytes: u32,
    packet_samples: u32,
    channels: usize,
    bits: u32,
}

/// Packet table.
#[derive(Debug, Default)]
struct PacketTable {
    /// Number of packets by the header of the table.
    count: u64,
    valid_samples: u64,
    priming: u64,
    /// Samples of padding in the last packet.
    remainder: u64,
    /// `(bytes, samples)` of each packet; 0 samples if they are constant.
    packets: VecDeque<(u32, u32)>,
}

/// Opens a file.
pub(super) fn open(mut stream: ByteStream) -> Result<OpenedFile, AudioError> {
    let path = stream.path().to_owned();
    let malformed = |expected: &str| AudioError::malformed(&path, expected, "none");
    let (mut description, mut cookie, mut table, mut data) = (None, Vec::new(), Vec::new(), None);
    let mut at = 8;
    for _ in 0..MAX_CHUNKS {
        stream.seek(at)?;
        let header = stream.take(12)?;
        let (Some(name), Some(size)) = (header.get(..4), be64(&header, 4)) else {
            break;
        };
        let bytes = size.min(MAX_TABLE_BYTES) as usize;
        match name {
            b"desc" => description = Description::parse(&stream.take(bytes.min(32))?),
            b"kuki" => cookie = stream.take(bytes)?,
            b"pakt" => table = stream.take(bytes)?,
            b"data" => {
                // A size of -1 reaches to the end of the file.
                data = Some((at + 16, (size != u64::MAX).then_some(size.saturating_sub(4))));
                if size == u64::MAX {
                    break;
                }
            }
            _ => {}
        }
        at = at.saturating_add(12).saturating_add(size);
    }
    let description = description.ok_or_else(|| malformed("a desc chunk"))?;
    let (start, size) = data.ok_or_else(|| malformed("a data chunk"))?;
    check_format(&path, description.rate_hz, description.channels)?;
    stream.seek(start)?;
    let Description { rate_hz, channels, .. } = description;
    if let Some(encoding) = description.encoding() {
        let present = stream.length().saturating_sub(start);
        let frame_bytes = (encoding.bytes() * channels) as u64;
        let samples = Some(size.map_or(present, |size| size.min(present)) / frame_bytes);
        let codec = format!("CAF, {}", encoding.name());
        let spec = AudioSpec { sample_rate_hz: rate_hz, channels, samples, codec };
        return Ok(OpenedFile::Pcm(PcmStream {
            source: stream.into_reader()?,
            spec,
            encoding,
            data_bytes: size,
        }));
    }
    open_packets(stream, description, &cookie, &table, size).map(OpenedFile::Coded)
}

fn open_packets(
    mut stream: ByteStream,
    description: Description,
    cookie: &[u8],
    table: &[u8],
    size: Option<u64>,
) -> Result<Opened, AudioError> {
    let path = stream.path().to_owned();
    let Description { rate_hz, channels, .. } = description;
    let table = PacketTable::parse(table, &description, stream.length());
    let mut skip = table.priming;
    let (decoder, name): (Box<dyn PacketDecoder>, _) = match &description.format {
        b"ima4" => (Box::new(AdpcmDecoder::ima_qt(rate_hz, channels)), "IMA ADPCM".to_owned()),
        b"alac" => {
            // Old files wrap the cookie in boxes of QuickTime.
            let old = cookie.get(4..8) == Some(b"frma");
            let cookie = if old { cookie.get(24..).unwrap_or_default() } else { cookie };
            let extra_data = Some(cookie.to_vec());
            let parameters = Parameters { codec: CODEC_ID_ALAC, rate_hz, channels: 0, extra_data };
            skip = 0;
            (SymphoniaDecoder::open(&path, parameters, "ALAC in CAF")?, "ALAC".to_owned())
        }
        b"aac " => {
            let config = parse_esds(cookie).map_or(cookie, |(_, config)| config);
            let packets = peek_packets(&mut stream, &table)?;
            let opened = open_aac(&path, config, &packets, "CAF")?;
            (opened.decoder, opened.name)
        }
        format => {
            let format = String::from_utf8_lossy(format).into_owned();
            let codec = aac::with_way_out(&format!("{} in CAF", format.trim()));
            return Err(AudioError::UnsupportedCodec { path, codec });
        }
    };
    if table.packets.is_empty() && &description.format != b"ima4" {
        return Err(AudioError::malformed(&path, "a packet table", "none"));
    }
    // Some programs count the padding of the last packet as valid.
    let coded = table.count.saturating_mul(u64::from(description.packet_samples));
    let is_exact = table.valid_samples > 0 && (table.valid_samples != coded || table.remainder > 0);
    let padding = if table.valid_samples == coded { table.remainder.min(coded) } else { 0 };
    let samples = is_exact.then_some(table.valid_samples - padding);
    let demuxer: Box<dyn Demuxer> = match (&description.format, table.packets.is_empty()) {
        (b"ima4", _) => Box::new(BlockDemuxer::new(stream, size.unwrap_or(u64::MAX), 34 * channels)),
        _ => Box::new(CafDemuxer {
            stream,
            truncated: (table.packets.len() as u64) < table.count,
            packets: table.packets,
            packet_samples: description.packet_samples,
        }),
    };
    Ok(Opened {
        demuxer,
        decoder,
        codec: format!("CAF, {name}"),
        samples,
        first: StreamStart { skip, ..StreamStart::default() },
        limit: samples,
        samples_are_promised: false,
        has_pages: false,
        warning: None,
    })
}

fn peek_packets(stream: &mut ByteStream, table: &PacketTable) -> Result<Vec<Vec<u8>>, AudioError> {
    let start = stream.position();
    let sizes = table.packets.iter().take(aac::SBR_TEST_FRAMES).map(|&(bytes, _)| bytes as usize);
    let packets = sizes.map(|bytes| stream.take(bytes)).collect();
    stream.seek(start)?;
    packets
}

impl Description {
    fn parse(body: &[u8]) -> Option<Self> {
        Some(Self {
            rate_hz: f64::from_bits(be64(body, 0)?) as u32,
            format: *body.get(8..12)?.first_chunk()?,
            flags: be32(body, 12)?,
            packet_bytes: be32(body, 16)?,
            packet_samples: be32(body, 20)?,
            channels: be32(body, 24)? as usize,
            bits: be32(body, 28)?,
        })
    }

    fn encoding(&self) -> Option<Encoding> {
        let width = (self.packet_bytes as usize).checked_div(self.channels)?;
        let encoding = match (&self.format, self.flags & 1, width) {
            (b"lpcm", 1, 4) => Encoding::F32,
            (b"lpcm", 1, 8) => Encoding::F64,
            (b"lpcm", 0, 1) => Encoding::I8,
            (b"lpcm", 0, 4) if self.bits == 24 => Encoding::Int24Low,
            (b"lpcm", 0, bytes @ (2..=4 | 8)) => Encoding::Int { bytes: bytes as u8 },
            (b"alaw", ..) => Encoding::ALaw,
            (b"ulaw", ..) => Encoding::MuLaw,
            _ => return None,
        };
        Some(if self.flags & 2 == 0 { encoding.big_endian() } else { encoding })
    }
}

impl PacketTable {
    /// Parses a packet table up to the first packet that does not fit into `file_bytes`.
    fn parse(bytes: &[u8], description: &Description, file_bytes: u64) -> Self {
        let mut table = Self {
            count: be64(bytes, 0).unwrap_or(0),
            valid_samples: be64(bytes, 8).filter(|&samples| samples < 1 << 62).unwrap_or(0),
            priming: u64::from(be32(bytes, 16).unwrap_or(0)),
            remainder: u64::from(be32(bytes, 20).unwrap_or(0)),
            packets: VecDeque::new(),
        };
        let mut rest = bytes.get(24..).unwrap_or_default();
        let mut packet_bytes = 0;
        while (table.packets.len() as u64) < table.count && packet_bytes <= file_bytes {
            let mut number = || {
                let mut value = 0_u32;
                loop {
                    let (&byte, tail) = rest.split_first()?;
                    rest = tail;
                    value = (value << 7) | u32::from(byte & 0x7f);
                    if byte & 0x80 == 0 {
                        return Some(value);
                    }
                }
            };
            let bytes = if description.packet_bytes == 0 { number() } else { Some(description.packet_bytes) };
            let samples = if description.packet_samples == 0 { number() } else { Some(0) };
            let (Some(bytes), Some(samples)) = (bytes, samples) else {
                break;
            };
            packet_bytes += u64::from(bytes);
            table.packets.push_back((bytes, samples));
        }
        table
    }
}

/// Reads packets in the order of the table.
struct CafDemuxer {
    stream: ByteStream,
    packets: VecDeque<(u32, u32)>,
    packet_samples: u32,
    /// True if the end of the packet table is missing.
    truncated: bool,
}

impl Demuxer for CafDemuxer {
    fn next_event(&mut self) -> Result<Event, AudioError> {
        let Some((bytes, samples)) = self.packets.pop_front() else {
            return Ok(Event::End { truncated: self.truncated });
        };
        let data = self.stream.take(bytes as usize)?;
        if data.len() < bytes as usize {
            return Ok(Event::End { truncated: true });
        }
        let samples = if samples > 0 { samples } else { self.packet_samples };
        Ok(Event::Packet { data, samples: Some(u64::from(samples)) })
    }
}
