//! ADPCM and MP3 in WAV, and all codecs in Sony Wave64.

use super::adpcm::AdpcmDecoder;
use super::blocks::BlockDemuxer;
use super::byte_stream::{ByteStream, le32, le64};
use super::decoder::PacketDecoder;
use super::demuxer::{Opened, StreamStart};
use super::mpeg;
use super::opened::OpenedFile;
use super::spec::AudioSpec;
use super::wav::PcmStream;
use super::wav_header::{Format, Layout};
use crate::AudioError;

/// Maximum number of chunks.
const MAX_CHUNKS: usize = 1_024;
/// Bytes of `fmt ` that have a meaning.
const FORMAT_BYTES: usize = 40;
/// Last 12 bytes of the identifiers of Wave64 chunks.
const GUID_TAIL: [u8; 12] = [0xf3, 0xac, 0xd3, 0x11, 0x8c, 0xd1, 0x00, 0xc0, 0x4f, 0x8e, 0xdb, 0x8a];

/// Position of the samples.
struct Chunks {
    format: Format,
    start: u64,
    bytes: u64,
    /// Samples by the `fact` chunk.
    samples: Option<u64>,
}

/// Opens WAV with ADPCM or MP3; `None` for other codecs.
pub(super) fn open_wav(mut stream: ByteStream) -> Result<Option<Opened>, AudioError> {
    let path = stream.path().to_owned();
    let (mut format, mut samples) = (None, None);
    let mut at = 12;
    for _ in 0..MAX_CHUNKS {
        stream.seek(at)?;
        let header = stream.take(8)?;
        let (Some(name), Some(size)) = (header.get(..4), le32(&header, 4)) else {
            return Ok(None);
        };
        match name {
            b"fmt " => {
                let body = stream.take((size as usize).min(FORMAT_BYTES))?;
                let parsed = Format::parse(&path, &body)?;
                if !matches!(parsed.tag, 0x02 | 0x11 | 0x50 | 0x55) {
                    return Ok(None);
                }
                format = Some(parsed);
            }
            b"fact" => samples = le32(&stream.take(4)?, 0).map(u64::from),
            b"data" => {
                let Some(format) = format else {
                    return Ok(None);
                };
                let present = stream.length() - stream.position();
                let bytes = if matches!(size, 0 | 0xffff_f000..) { present } else { u64::from(size) };
                let start = stream.position();
                return open_codec(stream, Chunks { format, start, bytes, samples }, "WAV");
            }
            _ => {}
        }
        at += 8 + u64::from(size) + u64::from(size % 2);
    }
    Ok(None)
}

fn open_codec(mut stream: ByteStream, chunks: Chunks, container: &str) -> Result<Option<Opened>, AudioError> {
    let Chunks { format, start, bytes, samples } = chunks;
    let path = stream.path().to_owned();
    stream.seek(start)?;
    let Format { rate_hz, channels, block_align, .. } = format;
    let (decoder, name): (Box<dyn PacketDecoder>, _) = match format.tag {
        0x02 => (Box::new(AdpcmDecoder::microsoft(rate_hz, channels)), "Microsoft ADPCM"),
        0x11 if format.bits == 4 => (Box::new(AdpcmDecoder::ima_wav(rate_hz, channels)), "IMA ADPCM"),
        0x50 | 0x55 => {
            let mut opened = mpeg::open_mpeg(stream)?;
            if let Some(opened) = &mut opened {
                opened.codec = format!("{container}, {}", opened.codec);
            }
            return Ok(opened);
        }
        _ => {
            let codec = format!("ADPCM of {} bits in {container}", format.bits);
            return Err(AudioError::UnsupportedCodec { path, codec });
        }
    };
    if block_align < 7 * channels {
        return Err(AudioError::malformed(
            &path,
            "blocks of ADPCM",
            format!("{block_align} bytes per block"),
        ));
    }
    // The number in `fact` cuts the last block; other numbers are wrong.
    let per_block = match format.tag {
        0x02 => 2 + (block_align - 7 * channels) * 2 / channels,
        _ => 1 + (block_align - 4 * channels) * 2 / channels,
    } as u64;
    let present = bytes.min(stream.length() - start);
    let most = present.div_ceil(block_align as u64) * per_block;
    let is_complete = present == bytes;
    let samples = samples.filter(|&samples| samples > 0 && (!is_complete || samples + per_block > most));
    Ok(Some(Opened {
        demuxer: Box::new(BlockDemuxer::new(stream, bytes, block_align)),
        decoder,
        codec: format!("{container}, {name}"),
        samples: samples.or(Some(most)),
        first: StreamStart::default(),
        limit: samples,
        samples_are_promised: samples.is_some(),
        has_pages: false,
        warning: None,
    }))
}

/// Opens Sony Wave64.
pub(super) fn open_wave64(mut stream: ByteStream) -> Result<OpenedFile, AudioError> {
    let path = stream.path().to_owned();
    let malformed = |expected: &str, found: &str| AudioError::malformed(&path, expected, found);
    let (mut format, mut samples) = (None, None);
    let mut at = 40;
    for _ in 0..MAX_CHUNKS {
        stream.seek(at)?;
        let header = stream.take(24)?;
        let (Some(name), Some(size)) = (header.get(..4), le64(&header, 16)) else {
            break;
        };
        match name {
            b"fmt " => format = Some(Format::parse(&path, &stream.take(FORMAT_BYTES.min(size as usize))?)?),
            b"fact" => samples = le64(&stream.take(8)?, 0),
            b"data" if header.get(4..16) == Some(&GUID_TAIL) => {
                let format = format.ok_or_else(|| malformed("a fmt chunk before the data chunk", "none"))?;
                let start = stream.position();
                let bytes = size.saturating_sub(24);
                return open_wave64_data(stream, Chunks { format, start, bytes, samples });
            }
            _ => {}
        }
        // Chunks are aligned to 8 bytes.
        at = at.saturating_add(size.max(24).saturating_add(7) & !7);
    }
    Err(malformed("a data chunk", "none"))
}

fn open_wave64_data(stream: ByteStream, chunks: Chunks) -> Result<OpenedFile, AudioError> {
    let path = stream.path().to_owned();
    if matches!(chunks.format.tag, 0x02 | 0x11 | 0x50 | 0x55) {
        let opened = open_codec(stream, chunks, "Wave64")?;
        let opened = opened.ok_or_else(|| AudioError::malformed(&path, "a frame of MP3", "none"))?;
        return Ok(OpenedFile::Coded(opened));
    }
    let (layout, codec) = chunks.format.layout(&path)?;
    let Layout::Known(encoding) = layout else {
        return Err(AudioError::UnsupportedCodec { path, codec: "24-bit PCM in 32 in Wave64".to_owned() });
    };
    let Format { rate_hz, channels, .. } = chunks.format;
    let present = stream.length() - chunks.start;
    // Pipes leave 0 or the largest number; some programs count the padding of the chunk.
    let frame_bytes = (encoding.bytes() * channels) as u64;
    let data_bytes = Some(chunks.bytes).filter(|&bytes| bytes > 0 && bytes < 1 << 62);
    let data_bytes = data_bytes.map(|bytes| bytes - bytes % frame_bytes);
    let spec = AudioSpec {
        sample_rate_hz: rate_hz,
        channels,
        samples: Some(data_bytes.map_or(present, |bytes| bytes.min(present)) / frame_bytes),
        codec: codec.replacen("WAV", "Wave64", 1),
    };
    Ok(OpenedFile::Pcm(PcmStream { source: stream.into_reader()?, spec, encoding, data_bytes }))
}
