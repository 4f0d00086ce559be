//! Interface between the demuxers of the containers and [`CodedReader`](super::coded::CodedReader).

use super::decoder::PacketDecoder;
use crate::AudioError;

/// Reads packets of one audio track.
pub(super) trait Demuxer: Send {
    /// Returns the next event. After [`Event::End`] it is not called again.
    fn next_event(&mut self) -> Result<Event, AudioError>;
}

/// A step of a demuxer.
pub(super) enum Event {
    /// A complete packet, `samples` per channel long if the container or the packet's header tells.
    Packet { data: Vec<u8>, samples: Option<u64> },
    /// Bytes that are not a packet, or missing packets.
    Damage {
        reason: String,
        /// Samples per channel lost; `None` if the next [`Event::PageEnd`] tells.
        lost: Option<u64>,
    },
    /// Audio that may be missing, or is not read.
    Warning(String),
    /// All packets up to here end at sample `end` of the timeline of the stream (Ogg).
    PageEnd { end: u64, is_last: bool },
    /// Following packets form a stream of their own.
    StreamStart(StreamStart),
    /// The current stream ends; its last `drop` samples are padding.
    StreamEnd { drop: u64 },
    /// The file ends. `truncated` if a promised part is missing.
    End { truncated: bool },
}

/// Start of a stream inside a file.
#[derive(Default)]
pub(super) struct StreamStart {
    /// Samples before the first one to return: delay of the encoder.
    pub(super) skip: u64,
    /// Padding of at most this length follows the last sample.
    pub(super) hold_back: u64,
    /// Decoder for the packets of this stream; `None` to continue with the current one after a reset.
    pub(super) decoder: Option<Box<dyn PacketDecoder>>,
}

/// Describes further audio tracks of a file, of which the first is read.
pub(super) fn other_tracks_warning(audio_tracks: usize) -> Option<String> {
    (audio_tracks > 1).then(|| format!("the first of {audio_tracks} audio tracks was read"))
}

/// Warns of bytes between or around frames.
pub(super) fn unknown_bytes_warning(bytes: u64, offset: u64) -> Event {
    Event::Warning(format!("{bytes} bytes at offset {offset} are not a frame; audio may be missing"))
}

/// Reports whether a byte can be padding between or after the parts of a file.
pub(super) fn is_padding(byte: &u8) -> bool {
    *byte == 0 || byte.is_ascii_whitespace()
}

/// A track that is ready to be decoded.
pub(super) struct Opened {
    pub(super) demuxer: Box<dyn Demuxer>,
    pub(super) decoder: Box<dyn PacketDecoder>,
    /// Container and codec for display.
    pub(super) codec: String,
    /// Samples per channel by a header that counts them.
    pub(super) samples: Option<u64>,
    pub(super) first: StreamStart,
    /// Returns at most this many samples; the rest of the file is not to be played.
    pub(super) limit: Option<u64>,
    /// True if a file with fewer than `samples` samples is truncated.
    pub(super) samples_are_promised: bool,
    /// True if samples are placed on the timeline by [`Event::PageEnd`].
    pub(super) has_pages: bool,
    /// Audio of the file that is not read.
    pub(super) warning: Option<String>,
}
