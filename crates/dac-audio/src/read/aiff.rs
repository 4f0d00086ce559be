//! Header of AIFF and AIFF-C.

use super::adpcm::AdpcmDecoder;
use super::blocks::BlockDemuxer;
use super::byte_stream::{ByteStream, be16, be32};
use super::demuxer::{Opened, StreamStart};
use super::opened::OpenedFile;
use super::pcm::Encoding;
use super::spec::AudioSpec;
use super::wav::PcmStream;
use crate::AudioError;
use crate::check::check_format;

/// Maximum number of chunks to search.
const MAX_CHUNKS: usize = 1_024;
/// Bytes of `COMM` that are read: all but the end of the compression's name.
const COMM_BYTES: usize = 32;

/// Sizes from here on mean an unknown size, unless the file is that large.
const MAX_KNOWN_BYTES: u32 = 0x7f00_0000;

/// Fields of `COMM`.
struct Common {
    channels: usize,
    frames: u64,
    bits: u16,
    rate_hz: u32,
    compression: [u8; 4],
}

impl Common {
    fn parse(body: &[u8]) -> Option<Self> {
        Some(Self {
            channels: usize::from(be16(body, 0)?),
            frames: u64::from(be32(body, 2)?),
            bits: be16(body, 6)?,
            rate_hz: extended_to_hz(body.get(8..18)?)?,
            compression: body.get(18..22).and_then(|name| name.first_chunk()).copied().unwrap_or(*b"NONE"),
        })
    }

    fn encoding(&self) -> Option<Encoding> {
        let bytes = self.bits.div_ceil(8) as u8;
        match &self.compression {
            b"NONE" | b"twos" if bytes == 1 => Some(Encoding::I8),
            b"sowt" if bytes == 1 => Some(Encoding::I8),
            b"NONE" | b"twos" if (1..=4).contains(&bytes) => Some(Encoding::IntBe { bytes }),
            b"sowt" if (1..=4).contains(&bytes) => Some(Encoding::Int { bytes }),
            b"raw " if bytes == 1 => Some(Encoding::U8),
            b"in24" => Some(Encoding::IntBe { bytes: 3 }),
            b"in32" => Some(Encoding::IntBe { bytes: 4 }),
            b"42ni" => Some(Encoding::Int { bytes: 3 }),
            b"23ni" => Some(Encoding::Int { bytes: 4 }),
            b"fl32" | b"FL32" => Some(Encoding::F32Be),
            b"fl64" | b"FL64" => Some(Encoding::F64Be),
            b"alaw" | b"ALAW" => Some(Encoding::ALaw),
            b"ulaw" | b"ULAW" => Some(Encoding::MuLaw),
            _ => None,
        }
    }
}

/// Converts an 80-bit float to a whole rate in Hz.
fn extended_to_hz(bytes: &[u8]) -> Option<u32> {
    let exponent = i32::from(be16(bytes, 0)? & 0x7fff) - 16_383 - 63;
    let mantissa = u64::from_be_bytes(*bytes.get(2..10)?.first_chunk()?);
    let rate = mantissa as f64 * 2_f64.powi(exponent);
    (rate < f64::from(u32::MAX)).then_some(rate.round() as u32)
}

/// Opens a file.
pub(super) fn open(mut stream: ByteStream) -> Result<OpenedFile, AudioError> {
    let path = stream.path().to_owned();
    let malformed = |expected: &str, found: &str| AudioError::malformed(&path, expected, found);
    let mut common = None;
    // Offset and size of the samples.
    let mut data = None;
    let mut at = 12;
    for _ in 0..MAX_CHUNKS {
        stream.seek(at)?;
        let header = stream.take(8)?;
        let (Some(name), Some(size)) = (header.get(..4), be32(&header, 4)) else {
            break;
        };
        match name {
            b"COMM" => {
                let body = stream.take((size as usize).min(COMM_BYTES))?;
                common =
                    Some(Common::parse(&body).ok_or_else(|| malformed("a COMM chunk of 18 bytes", "less"))?);
            }
            b"SSND" => {
                let offset = u64::from(be32(&stream.take(8)?, 0).unwrap_or(0));
                // Programs that write into pipes leave a size of 0 or of the largest numbers.
                let is_present = u64::from(size) <= stream.length().saturating_sub(at + 8);
                let size = match size {
                    size @ 9.. if is_present => Some((u64::from(size) - 8).saturating_sub(offset)),
                    0..=8 | MAX_KNOWN_BYTES.. => None,
                    size => Some((u64::from(size) - 8).saturating_sub(offset)),
                };
                data = Some((at + 16 + offset, size));
            }
            _ => {}
        }
        if common.is_some() && data.is_some() {
            break;
        }
        at = at.saturating_add(8 + u64::from(size) + u64::from(size % 2));
    }
    let common = common.ok_or_else(|| malformed("a COMM chunk", "none"))?;
    check_format(&path, common.rate_hz, common.channels)?;
    let (start, size) = data.ok_or_else(|| malformed("an SSND chunk", "none"))?;
    stream.seek(start)?;
    if &common.compression == b"ima4" {
        return Ok(OpenedFile::Coded(open_ima(stream, &common, size)));
    }
    let Some(encoding) = common.encoding() else {
        let name = String::from_utf8_lossy(&common.compression).into_owned();
        let codec = super::aac::with_way_out(&format!("{name} in AIFF, {} bits", common.bits));
        return Err(AudioError::UnsupportedCodec { path, codec });
    };
    let frame_bytes = (encoding.bytes() * common.channels) as u64;
    let present = stream.length().saturating_sub(start);
    let counted = Some(common.frames * frame_bytes)
        .filter(|&bytes| bytes > 0 && (bytes <= present || bytes < u64::from(MAX_KNOWN_BYTES) - 16));
    let data_bytes = match (size, counted) {
        (Some(size), Some(counted)) => Some(size.min(counted)),
        (size, counted) => size.or(counted),
    };
    let samples = data_bytes.map_or(present, |bytes| bytes.min(present)) / frame_bytes;
    let spec = AudioSpec {
        sample_rate_hz: common.rate_hz,
        channels: common.channels,
        samples: Some(samples),
        codec: format!("AIFF, {}", encoding.name()),
    };
    Ok(OpenedFile::Pcm(PcmStream { source: stream.into_reader()?, spec, encoding, data_bytes }))
}

fn open_ima(stream: ByteStream, common: &Common, size: Option<u64>) -> Opened {
    let block_bytes = 34 * common.channels;
    let counted = common.frames * block_bytes as u64;
    let bytes = size.unwrap_or(u64::MAX).min(if counted > 0 { counted } else { u64::MAX });
    Opened {
        demuxer: Box::new(BlockDemuxer::new(stream, bytes, block_bytes)),
        decoder: Box::new(AdpcmDecoder::ima_qt(common.rate_hz, common.channels)),
        codec: "AIFF, IMA ADPCM".to_owned(),
        samples: (common.frames > 0).then_some(common.frames * 64),
        first: StreamStart::default(),
        limit: None,
        samples_are_promised: true,
        has_pages: false,
        warning: None,
    }
}
