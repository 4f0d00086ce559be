//! Openers of the containers.

use super::byte_stream::{self, ByteStream};
use super::opened::OpenedFile;
use super::sniff::Container;
use super::{aiff, au, caf, flac, matroska, mp4, mpeg, ogg, wave_coded};
use crate::AudioError;

/// Opens a container other than WAV with uncompressed samples.
pub(super) fn open(container: Container, stream: ByteStream) -> Result<OpenedFile, AudioError> {
    let path = stream.path().to_owned();
    let found = match container {
        Container::Aiff => return aiff::open(stream),
        Container::Au => return au::open(stream),
        Container::Caf => return caf::open(stream),
        Container::Wave64 => return wave_coded::open_wave64(stream),
        Container::Flac => Some(flac::open(stream)?),
        Container::Ogg => Some(ogg::open(stream)?),
        Container::Mp4 => Some(mp4::open(stream)?),
        Container::Matroska => Some(matroska::open(stream)?),
        Container::Wav => wave_coded::open_wav(stream)?,
        Container::Adts => mpeg::open_adts(stream)?,
        Container::Mpeg => mpeg::open_mpeg(stream)?,
    };
    let found =
        found.ok_or_else(|| AudioError::malformed(&path, "a frame of MP3, MP2, AAC or ADPCM", "none"))?;
    Ok(OpenedFile::Coded(found))
}

/// True for a WAV header with ADPCM or MP3.
pub(super) fn is_coded_wav(head: &[u8]) -> bool {
    let is_first = head.get(12..16) == Some(b"fmt ") && head.starts_with(b"RIFF");
    let tag = match byte_stream::le16(head, 20) {
        // An extensible header contains the tag in its sub-format.
        Some(0xfffe) => byte_stream::le16(head, 44),
        tag => tag,
    };
    is_first && matches!(tag, Some(0x02 | 0x11 | 0x50 | 0x55))
}
