//! WAV headers with sizes of 0xFFFFFFFF, which are replaced when the length is known.

use hound::{SampleFormat as HoundFormat, WavSpec};

use super::sample::SampleFormat;

/// Builds the 44-byte header with a 16-byte `fmt ` chunk for every format, which readers of pipes expect.
pub(super) fn short(sample_rate_hz: u32, channels: usize, format: SampleFormat) -> Vec<u8> {
    let tag: u16 = if format == SampleFormat::F32 { 3 } else { 1 };
    let frame_bytes = format.bytes() * channels;
    let mut bytes = b"RIFF\xff\xff\xff\xffWAVEfmt ".to_vec();
    bytes.extend_from_slice(&16_u32.to_le_bytes());
    bytes.extend_from_slice(&tag.to_le_bytes());
    bytes.extend_from_slice(&(channels as u16).to_le_bytes());
    bytes.extend_from_slice(&sample_rate_hz.to_le_bytes());
    bytes.extend_from_slice(&sample_rate_hz.saturating_mul(frame_bytes as u32).to_le_bytes());
    bytes.extend_from_slice(&(frame_bytes as u16).to_le_bytes());
    bytes.extend_from_slice(&(8 * format.bytes() as u16).to_le_bytes());
    bytes.extend_from_slice(b"data\xff\xff\xff\xff");
    bytes
}

/// Builds the header of a file: 68 bytes with an extensible `fmt ` chunk where the specification requires one
/// (more than 16 bits or two channels), otherwise 44 bytes.
pub(super) fn standard(sample_rate_hz: u32, channels: usize, format: SampleFormat) -> Vec<u8> {
    let spec = WavSpec {
        channels: channels as u16,
        sample_rate: sample_rate_hz,
        bits_per_sample: 8 * format.bytes() as u16,
        sample_format: if format == SampleFormat::F32 { HoundFormat::Float } else { HoundFormat::Int },
    };
    spec.into_header_for_infinite_file()
}

/// Offset of the sizes of the file, the samples' bytes and the number of samples in the header of RF64.
pub(super) const LONG_SIZES_AT: u64 = 20;

/// Builds the header of an RF64 file (EBU Tech 3306): that of a WAV file with a `ds64` chunk in front.
pub(super) fn long(sample_rate_hz: u32, channels: usize, format: SampleFormat) -> Vec<u8> {
    let standard = standard(sample_rate_hz, channels, format);
    let mut bytes = b"RF64\xff\xff\xff\xffWAVEds64".to_vec();
    bytes.extend_from_slice(&28_u32.to_le_bytes());
    bytes.extend_from_slice(&[0; 28]);
    bytes.extend_from_slice(standard.get(12..).unwrap_or_default());
    bytes
}
