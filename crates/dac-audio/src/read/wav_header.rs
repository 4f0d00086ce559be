//! Parser of the chunks before the samples of a WAV file, forward only.

use std::io::{self, Read};
use std::path::Path;

use super::byte_stream::{be32, le16, le32, le64};
use super::pcm::Encoding;
use super::spec::AudioSpec;
use crate::AudioError;
use crate::check::check_format;

/// Maximum number of chunks before `data`; real files have a handful.
const MAX_CHUNKS: usize = 1_024;
/// Bytes of `fmt ` that have a meaning.
const FMT_BYTES: u32 = 40;
/// Chunks that may follow an empty `data` chunk; any other bytes after a `data` size of 0 are samples.
const TRAILING_CHUNKS: [&[u8; 4]; 22] = [
    b"LIST", b"INFO", b"fact", b"cue ", b"smpl", b"inst", b"plst", b"labl", b"note", b"JUNK", b"junk",
    b"PAD ", b"bext", b"iXML", b"axml", b"chna", b"id3 ", b"ID3 ", b"cart", b"_PMX", b"PEAK", b"acid",
];

/// Result of parsing a header.
#[derive(Debug, Clone)]
pub(super) struct WavHeader {
    pub(super) spec: AudioSpec,
    pub(super) layout: Layout,
    /// Bytes of samples by the header; `None` to read to the end.
    pub(super) data_bytes: Option<u64>,
    /// Bytes of samples that were already read.
    pub(super) ahead: Vec<u8>,
    /// Oddity of the header that users should know.
    pub(super) warning: Option<String>,
}

/// Encoding of the samples as far as the header defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Known(Encoding),
    /// 24 bits in 4 bytes, in the upper or lower 3: detected from the samples.
    Int24In32 {
        is_big_endian: bool,
    },
}

impl Layout {
    fn big_endian(self) -> Self {
        match self {
            Self::Known(encoding) => Self::Known(encoding.big_endian()),
            Self::Int24In32 { .. } => Self::Int24In32 { is_big_endian: true },
        }
    }

    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Known(encoding) => encoding.bytes(),
            Self::Int24In32 { .. } => 4,
        }
    }
}

/// True for the name of a chunk of WAV.
fn is_known(name: Option<&[u8]>) -> bool {
    name.is_some_and(|name| {
        name == b"data" || name == b"fmt " || TRAILING_CHUNKS.iter().any(|known| name == *known)
    })
}

/// Byte reader that counts its position and accepts bytes back.
struct Chunks<'a> {
    source: &'a mut dyn Read,
    path: &'a Path,
    ahead: Vec<u8>,
    position: u64,
}

impl Chunks<'_> {
    /// Reads `count` bytes, fewer at the end of the file.
    fn take(&mut self, count: usize) -> Result<Vec<u8>, AudioError> {
        let from_ahead = self.ahead.len().min(count);
        let mut bytes: Vec<u8> = self.ahead.drain(..from_ahead).collect();
        let rest = (count - from_ahead) as u64;
        let read = (&mut *self.source).take(rest).read_to_end(&mut bytes);
        read.map_err(|error| AudioError::read(self.path, error))?;
        self.position += bytes.len() as u64;
        Ok(bytes)
    }

    fn put_back(&mut self, mut bytes: Vec<u8>) {
        self.position -= bytes.len() as u64;
        bytes.append(&mut self.ahead);
        self.ahead = bytes;
    }

    /// Skips the `count` remaining bytes of a chunk and, if the chunk's size is odd, its pad byte if there is
    /// one.
    fn skip_chunk(&mut self, count: u64, is_odd: bool) -> Result<(), AudioError> {
        let from_ahead = (self.ahead.len() as u64).min(count);
        self.ahead.drain(..from_ahead as usize);
        let rest = count - from_ahead;
        let skipped = io::copy(&mut (&mut *self.source).take(rest), &mut io::sink());
        self.position += from_ahead + skipped.map_err(|error| AudioError::read(self.path, error))?;
        if is_odd {
            let mut next = self.take(5)?;
            let is_name =
                |bytes: Option<&[u8]>| bytes.is_some_and(|id| id.iter().all(|b| (0x20..0x7f).contains(b)));
            let padded = next.first() == Some(&0)
                || is_known(next.get(1..5))
                || !is_known(next.get(..4)) && !is_name(next.get(..4)) && is_name(next.get(1..5));
            if padded {
                next.drain(..1);
            }
            self.put_back(next);
        }
        Ok(())
    }
}

/// Reads up to the first sample. `file_bytes` is the size of the file if known.
pub(super) fn read(
    source: &mut dyn Read,
    path: &Path,
    file_bytes: Option<u64>,
) -> Result<WavHeader, AudioError> {
    let mut chunks = Chunks { source, path, ahead: Vec::new(), position: 0 };
    let riff = chunks.take(12)?;
    let long = matches!(riff.get(..4), Some(b"RF64" | b"BW64"));
    let is_big_endian = riff.starts_with(b"RIFX");
    let size_at = if is_big_endian { be32 } else { le32 };
    let mut long_data_bytes = None;
    let mut format: Option<Format> = None;
    for _ in 0..MAX_CHUNKS {
        let header = chunks.take(8)?;
        let (Some(id), Some(size)) = (header.get(..4).map(<[u8]>::to_vec), size_at(&header, 4)) else {
            let missing = if format.is_some() { "a data chunk" } else { "a fmt chunk" };
            return Err(AudioError::malformed(path, missing, "the end of the file"));
        };
        match id.as_slice() {
            b"ds64" => {
                let body = chunks.take(size.min(28) as usize)?;
                long_data_bytes = le64(&body, 8);
                chunks.skip_chunk(u64::from(size.saturating_sub(28)), size % 2 == 1)?;
            }
            b"fmt " => {
                let mut body = chunks.take(size.min(FMT_BYTES) as usize)?;
                if is_big_endian {
                    swap_format(&mut body);
                }
                format = Some(Format::parse(path, &body)?);
                chunks.skip_chunk(u64::from(size.saturating_sub(FMT_BYTES)), size % 2 == 1)?;
            }
            b"data" => {
                let Some(format) = format else {
                    return Err(AudioError::malformed(path, "a fmt chunk before the data chunk", "none"));
                };
                let declared = match (size, long, long_data_bytes) {
                    (u32::MAX, true, Some(bytes)) => bytes,
                    _ => u64::from(size),
                };
                let mut header = read_data_header(chunks, format, (declared, long), file_bytes)?;
                if is_big_endian {
                    header.layout = header.layout.big_endian();
                }
                return Ok(header);
            }
            _ => chunks.skip_chunk(u64::from(size), size % 2 == 1)?,
        }
    }
    Err(AudioError::malformed(path, format!("a data chunk among the first {MAX_CHUNKS} chunks"), "none"))
}

/// Determines the number of bytes of samples. `declared` is the size of the data chunk, of 64 bits in RF64.
fn read_data_header(
    mut chunks: Chunks<'_>,
    format: Format,
    (declared, is_long): (u64, bool),
    file_bytes: Option<u64>,
) -> Result<WavHeader, AudioError> {
    let path = chunks.path;
    let (encoding, codec) = format.layout(path)?;
    // Programs that write into pipes leave 0, 0xFFFFFFFF or (sox) just below 0x80000000: read to the end of
    // the stream.
    let unknown = match declared {
        0 => {
            let next = chunks.take(4)?;
            let empty = next.len() < 4 || TRAILING_CHUNKS.iter().any(|id| next == *id);
            if !empty {
                chunks.put_back(next);
            }
            !empty
        }
        0x7fff_f000..=0x7fff_ffff => file_bytes.is_none_or(|bytes| bytes < declared),
        0xffff_f000..=0xffff_ffff | u64::MAX => true,
        _ => false,
    };
    let mut data_bytes = if unknown { None } else { Some(declared) };
    let remaining = file_bytes.map(|bytes| bytes.saturating_sub(chunks.position));
    let mut warning = None;
    if let (Some(declared), Some(remaining)) = (data_bytes, remaining)
        && !is_long
        && remaining - remaining.min(declared) > u64::from(u32::MAX)
    {
        // The 32-bit size has wrapped: no other chunk is as large.
        let wraps = (remaining - declared) >> 32;
        data_bytes = Some(declared + (wraps << 32));
        warning = Some(format!("the size of the data chunk, {declared} bytes, has wrapped at 4 GiB"));
    }
    let present = match (data_bytes, remaining) {
        (Some(bytes), Some(remaining)) => Some(bytes.min(remaining)),
        (bytes, remaining) => bytes.or(remaining),
    };
    let frame_bytes = (encoding.bytes() * format.channels) as u64;
    let spec = AudioSpec {
        sample_rate_hz: format.rate_hz,
        channels: format.channels,
        samples: present.map(|bytes| bytes / frame_bytes),
        codec,
    };
    Ok(WavHeader { spec, layout: encoding, data_bytes, ahead: chunks.ahead, warning })
}

/// Converts a big-endian `fmt ` chunk to little-endian.
fn swap_format(body: &mut [u8]) {
    for range in [0..2, 2..4, 4..8, 8..12, 12..14, 14..16, 16..18, 18..20, 20..24, 24..28, 28..30, 30..32] {
        if let Some(field) = body.get_mut(range) {
            field.reverse();
        }
    }
}

/// Content of the `fmt ` chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Format {
    pub(super) tag: u16,
    pub(super) channels: usize,
    pub(super) rate_hz: u32,
    byte_rate: u32,
    pub(super) block_align: usize,
    pub(super) bits: u16,
    /// `WAVE_FORMAT_EXTENSIBLE` with a sub-format that is not a standard tag.
    is_vendor_format: bool,
}

/// Last 14 bytes of the sub-formats that wrap a tag; the second is ambisonic B-format.
const SUBFORMAT_TAILS: [[u8; 14]; 2] = [
    [0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xaa, 0x00, 0x38, 0x9b, 0x71],
    [0x00, 0x00, 0x21, 0x07, 0xd3, 0x11, 0x86, 0x44, 0xc8, 0xc1, 0xca, 0x00, 0x00, 0x00],
];

impl Format {
    pub(super) fn parse(path: &Path, body: &[u8]) -> Result<Self, AudioError> {
        let short = || {
            AudioError::malformed(path, "a fmt chunk of 16 bytes or more", format!("{} bytes", body.len()))
        };
        let mut tag = le16(body, 0).ok_or_else(short)?;
        let channels = usize::from(le16(body, 2).ok_or_else(short)?);
        let rate_hz = le32(body, 4).ok_or_else(short)?;
        let byte_rate = le32(body, 8).ok_or_else(short)?;
        let block_align = usize::from(le16(body, 12).ok_or_else(short)?);
        let bits = le16(body, 14).ok_or_else(short)?;
        let mut is_vendor_format = false;
        if tag == 0xfffe {
            let wanted = "an extensible fmt chunk of 40 bytes or more";
            let inner = le16(body, 24)
                .ok_or_else(|| AudioError::malformed(path, wanted, format!("{} bytes", body.len())))?;
            is_vendor_format = !SUBFORMAT_TAILS.iter().any(|tail| body.get(26..40) == Some(tail.as_slice()));
            tag = inner;
        }
        check_format(path, rate_hz, channels)?;
        Ok(Self { tag, channels, rate_hz, byte_rate, block_align, bits, is_vendor_format })
    }

    /// Bytes per sample. If bits and block size disagree, the bits decide, unless the byte rate confirms the
    /// block size.
    fn container_bytes(&self) -> usize {
        let by_bits = usize::from(self.bits).div_ceil(8);
        let wider = self.block_align / self.channels;
        let confirmed = u64::from(self.byte_rate) == u64::from(self.rate_hz) * self.block_align as u64;
        let plausible = matches!(wider, 2 | 3 | 4 | 8) && self.block_align.is_multiple_of(self.channels);
        if confirmed && plausible && wider > by_bits { wider } else { by_bits }
    }

    pub(super) fn layout(&self, path: &Path) -> Result<(Layout, String), AudioError> {
        let unsupported = |codec: String| AudioError::UnsupportedCodec { path: path.to_owned(), codec };
        if self.is_vendor_format {
            return Err(unsupported(format!(
                "WAV with a vendor-specific sub-format (tag {:#06x})",
                self.tag
            )));
        }
        let (layout, name) = match (self.tag, self.bits, self.container_bytes()) {
            (1, 1..=8, 1) => (Layout::Known(Encoding::U8), "8-bit PCM".to_owned()),
            (1, 24, 4) => (Layout::Int24In32 { is_big_endian: false }, "24-bit PCM in 32".to_owned()),
            (1, 1..=64, bytes @ (2 | 3 | 4 | 8)) => {
                let encoding = Encoding::Int { bytes: bytes as u8 };
                (Layout::Known(encoding), format!("{}-bit PCM", self.bits))
            }
            (3, 32, _) => (Layout::Known(Encoding::F32), "32-bit float".to_owned()),
            (3, 64, _) => (Layout::Known(Encoding::F64), "64-bit float".to_owned()),
            (6, 8, _) => (Layout::Known(Encoding::ALaw), "A-law".to_owned()),
            (7, 8, _) => (Layout::Known(Encoding::MuLaw), "µ-law".to_owned()),
            (1 | 3 | 6 | 7, bits, _) => {
                let kind = match self.tag {
                    1 => "integer PCM",
                    3 => "float",
                    6 => "A-law",
                    _ => "µ-law",
                };
                return Err(unsupported(format!("{kind} of {bits} bits in WAV")));
            }
            (tag, ..) => return Err(unsupported(format!("{} in WAV (tag {tag:#06x})", tag_name(tag)))),
        };
        Ok((layout, format!("WAV, {name}")))
    }
}

fn tag_name(tag: u16) -> &'static str {
    match tag {
        0x0002 => "Microsoft ADPCM",
        0x0011 => "IMA ADPCM",
        0x0014 | 0x0040 | 0x0045 => "G.72x ADPCM",
        0x0022 => "TrueSpeech",
        0x0031 => "GSM 6.10",
        0x0050 => "MPEG layer 1/2",
        0x0055 => "MP3",
        0x0092 | 0x2000 => "AC-3",
        0x00ff | 0x1600 | 0x1610 => "AAC",
        0x0160..=0x0163 => "Windows Media Audio",
        0x2001 => "DTS",
        0xf1ac => "FLAC",
        _ => "an unknown codec",
    }
}
