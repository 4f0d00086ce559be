//! Header of Sun/NeXT audio (AU).

use super::byte_stream::{ByteStream, be32};
use super::opened::OpenedFile;
use super::pcm::Encoding;
use super::spec::AudioSpec;
use super::wav::PcmStream;
use crate::AudioError;
use crate::check::check_format;

/// Opens a file.
pub(super) fn open(mut stream: ByteStream) -> Result<OpenedFile, AudioError> {
    let path = stream.path().to_owned();
    let header = stream.take(24)?;
    let number = |at| be32(&header, at);
    let (Some(start), Some(size), Some(kind), Some(rate_hz), Some(channels)) =
        (number(4), number(8), number(12), number(16), number(20))
    else {
        return Err(AudioError::malformed(
            &path,
            "an AU header of 24 bytes",
            format!("{} bytes", header.len()),
        ));
    };
    let channels = channels as usize;
    check_format(&path, rate_hz, channels)?;
    let encoding = match kind {
        1 => Encoding::MuLaw,
        2 => Encoding::I8,
        3..=5 => Encoding::IntBe { bytes: kind as u8 - 1 },
        6 => Encoding::F32Be,
        7 => Encoding::F64Be,
        27 => Encoding::ALaw,
        _ => {
            let codec = format!("encoding {kind} in Sun/NeXT audio");
            return Err(AudioError::UnsupportedCodec { path, codec });
        }
    };
    stream.seek(u64::from(start.max(24)))?;
    let data_bytes = (size != u32::MAX).then_some(u64::from(size));
    let present = stream.length() - stream.position();
    let samples =
        data_bytes.map_or(present, |bytes| bytes.min(present)) / (encoding.bytes() * channels) as u64;
    let codec = format!("AU, {}", encoding.name());
    let spec = AudioSpec { sample_rate_hz: rate_hz, channels, samples: Some(samples), codec };
    Ok(OpenedFile::Pcm(PcmStream { source: stream.into_reader()?, spec, encoding, data_bytes }))
}
